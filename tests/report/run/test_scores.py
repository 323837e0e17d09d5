import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from esc50.report.run import scores
from esc50.report.run.subject import find_subject
from esc50.results.recipes.summary import summarise
from esc50.results.statistics import calibration_error, clustered_wilson


@pytest.fixture
def tests(tmp_path, make_run):
    return find_subject(make_run(tmp_path / "run", skill=1.0)).tests


def test_classes_are_scored_as_scikit_learn_does(tests):
    rows = scores.by_class(tests)
    precision, recall, f1, n = precision_recall_fscore_support(tests.targets, tests.predictions)
    assert [row["precision"][0] for row in rows] == pytest.approx(precision)
    assert [row["recall"][0] for row in rows] == pytest.approx(recall)
    assert [row["f1"] for row in rows] == pytest.approx(f1)
    assert [row["n"] for row in rows] == n.tolist()
    right = (tests.targets == 0) == (tests.predictions == 0)
    ends = clustered_wilson(right, tests.clips, tests.sources)
    assert rows[0]["accuracy"] == pytest.approx((right.mean(), *ends))


def test_the_summary_says_the_same(tmp_path, make_run):
    folder = make_run(tmp_path / "run", skill=1.0)
    summary = summarise([folder], out=tmp_path / "out")
    tests = find_subject(folder).tests
    for row, theirs in zip(scores.by_class(tests), summary["per_class"], strict=True):
        assert row["recall"] == (theirs["acc"], theirs["low"], theirs["high"])
    for row, theirs in zip(scores.by_category(tests), summary["per_category"], strict=True):
        assert row["acc"][0] == theirs["acc"]
        assert row["category_acc"][0] == theirs["acc_category5"]
    assert scores.confusion(tests).tolist() == summary["confusion"]
    pairs = [(tests.classes[t], tests.classes[p], n) for t, p, n in scores.most_confused(tests)]
    expected = [(p["target"], p["prediction"], p["count"]) for p in summary["confused"]]
    assert pairs == expected


def test_the_bins_add_up_to_the_calibration_error(tests):
    bins = scores.reliability(tests)
    assert sum(one.n for one in bins) == len(tests.clips)
    gaps = sum(one.n * abs(one.accuracy - one.confidence) for one in bins)
    error = calibration_error(tests.probabilities, tests.correct)
    assert gaps / len(tests.clips) == pytest.approx(error)


def test_coverage_ends_at_the_accuracy_of_all(tests):
    curve = scores.coverage(tests)
    assert curve["coverage"][-1] == 1 and curve["accuracy"][-1] == tests.correct.mean()
    at = len(curve["coverage"]) // 3
    confident = tests.probabilities.max(1) >= curve["confidence"][at]
    assert confident.mean() == curve["coverage"][at]
    assert tests.correct[confident].mean() == pytest.approx(curve["accuracy"][at])


def test_a_share_of_nothing_is_no_number(tests):
    share, low, high = scores.interval(tests, tests.correct, np.zeros(len(tests.clips), bool))
    assert np.isnan(share) and (low, high) == (0, 1)

import csv
import json

import numpy as np
import pytest
from scipy.stats import binomtest, t

from esc50.errors import UserError
from esc50.results.recipes.comparison import (
    compare,
    comparison_table,
    mcnemar,
    paired_bootstrap,
    paired_t,
)

FIVE = (1, 2, 3, 4, 5)


@pytest.fixture
def recipes(tmp_path, make_run):
    a = [make_run(tmp_path / f"a{k}", fold=k, skill=2.6, luck=1) for k in FIVE]
    b = [make_run(tmp_path / f"b{k}", fold=k, skill=2.0, signature="bbbb") for k in FIVE]
    return a, b


def right_of(runs):
    """Whether each clip was right, by clip, read apart from the package."""
    right = {}
    for run in runs:
        with (run / "predictions.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                right[row["clip"]] = row["target"] == row["prediction"]
    return right


def test_mcnemar_is_the_exact_binomial_test_of_the_discordant_clips(recipes):
    a, b = map(right_of, recipes)
    only_a = sum(a[clip] and not b[clip] for clip in a)
    only_b = sum(b[clip] and not a[clip] for clip in a)
    assert only_a > 10 and only_b > 10
    result = compare(*recipes)
    expected = {"only_a": only_a, "only_b": only_b}
    expected["p"] = pytest.approx(binomtest(only_a, only_a + only_b, 0.5).pvalue)
    assert result["mcnemar"] == expected


def test_a_clip_tested_with_several_seeds_counts_once():
    right_a = np.array([True, True, True, False, True, False])
    right_b = np.array([False, False, True, True, False, True])
    clips = np.array(["x", "x", "y", "y", "z", "z"])
    assert mcnemar(right_a, right_b, clips) == {"only_a": 1, "only_b": 1, "p": 1.0}


def test_two_recipes_with_the_same_answers_do_not_differ():
    right = np.array([True, False, True])
    assert mcnemar(right, right, np.array(["x", "y", "z"])) == {"only_a": 0, "only_b": 0, "p": 1.0}


def test_paired_t_is_students_interval_over_the_folds(recipes):
    a, b = map(right_of, recipes)
    folds = [
        [right[clip] for clip in right if clip.startswith(f"{k}-")]
        for right in (a, b)
        for k in FIVE
    ]
    by_fold = np.array([np.mean(f) for f in folds[:5]]) - [np.mean(f) for f in folds[5:]]
    half = t.ppf(0.975, 4) * by_fold.std(ddof=1) / np.sqrt(5)
    result = compare(*recipes)
    assert result["difference"] == pytest.approx(by_fold.mean())
    assert result["t_ci95"] == pytest.approx([by_fold.mean() - half, by_fold.mean() + half])
    assert [pair["difference"] for pair in result["pairs"]] == pytest.approx(by_fold)
    statistic = by_fold.mean() / (by_fold.std(ddof=1) / np.sqrt(5))
    assert result["t_p"] == pytest.approx(2 * t.sf(abs(statistic), 4))


def test_no_t_interval_from_one_fold_or_folds_that_do_not_vary():
    assert paired_t([0.1]) == (None, None)
    assert paired_t([0.1, 0.1, 0.1]) == (None, None)


def test_bootstrap_is_the_normal_interval_when_clips_are_independent():
    rng = np.random.default_rng(0)
    right_a, right_b = rng.random(2000) < 0.85, rng.random(2000) < 0.80
    lead = right_a.astype(float) - right_b
    half = 1.96 * lead.std() / np.sqrt(2000)
    sources = np.array([f"s{i}" for i in range(2000)])
    expected = (lead.mean() - half, lead.mean() + half)
    assert paired_bootstrap(right_a, right_b, sources) == pytest.approx(expected, abs=0.0015)


def test_bootstrap_knows_that_takes_are_copies():
    rng = np.random.default_rng(1)
    right_a, right_b = (np.repeat(rng.random(200) < p, 4) for p in (0.8, 0.7))
    alone = paired_bootstrap(right_a, right_b, np.array([f"s{i}" for i in range(800)]))
    together = paired_bootstrap(right_a, right_b, np.array([f"s{i // 4}" for i in range(800)]))
    assert np.diff(together) == pytest.approx(2 * np.diff(alone), rel=0.1)  # sqrt(4)


def test_the_means_differ_by_the_difference_where_folds_have_other_numbers_of_seeds(
    tmp_path, make_run
):
    keys = [(1, 1), (1, 2), (2, 1)]
    a = [make_run(tmp_path / f"a{k}", fold=k[0], seed=k[1], skill=2.6, luck=1) for k in keys]
    b = [make_run(tmp_path / f"b{k}", fold=k[0], seed=k[1], signature="bbbb") for k in keys]
    result = compare(a, b)
    assert len({pair["difference"] for pair in result["pairs"]}) > 1
    assert result["acc"][0] - result["acc"][1] == pytest.approx(result["difference"])


def test_data_that_are_not_the_same_are_said_to_be(recipes):
    assert "data_digest" not in comparison_table(compare(*recipes)).markdown()
    path = recipes[1][2] / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_digest": "another"}))
    assert "their data_digest differs" in comparison_table(compare(*recipes)).markdown()


def test_an_evaluation_on_all_folds_has_none_in_common_with_a_run(recipes):
    path = recipes[1][0] / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fold": None}))
    with pytest.raises(UserError, match=r"in common \(all folds, seed 1: only B has it; fold 1, "):
        compare(recipes[0], recipes[1][:1])
    assert compare(recipes[1][:1], recipes[1][:1])["difference"] == 0


def test_only_common_folds_are_compared_and_the_rest_is_named(recipes):
    a, b = recipes
    result = compare(a[:3], b[1:], names=("new", "old"))
    assert [pair["fold"] for pair in result["pairs"]] == [2, 3]
    assert result["missing"] == {
        "fold 1, seed 1": "only new has it",
        "fold 4, seed 1": "only old has it",
        "fold 5, seed 1": "only old has it",
    }
    assert "left out: fold 4, seed 1, only old has it" in comparison_table(result).markdown()


def test_nothing_in_common_is_refused(recipes):
    with pytest.raises(UserError, match="no fold with one seed in common"):
        compare(recipes[0][:2], recipes[1][2:])


def test_other_test_clips_are_refused(recipes, tmp_path, make_run):
    other = make_run(tmp_path / "other", fold=1, sources=7)
    with pytest.raises(UserError, match="tested on other clips"):
        compare(recipes[0][:1], [other])


def test_other_targets_are_refused(recipes, tmp_path, make_run):
    other = make_run(tmp_path / "other", fold=1)
    path = other / "predictions.csv"
    path.write_text(path.read_text().replace("-0.wav,1,0,", "-0.wav,1,1,"))
    with pytest.raises(UserError, match="other targets"):
        compare(recipes[0][:1], [other])


def test_the_order_of_the_rows_does_not_matter(recipes):
    before = compare(*recipes)
    path = recipes[1][0] / "predictions.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *lines[::-1]]) + "\n")
    assert compare(*recipes) == before


def test_a_leaky_side_is_marked_with_every_number(tmp_path, make_run):
    a = make_run(tmp_path / "a", leaky=True, luck=1)
    b = make_run(tmp_path / "b")
    text = comparison_table(compare([a], [b], names=("published", "honest"))).markdown()
    header = next(line for line in text.splitlines() if line.startswith("| run"))
    assert "published LEAKY" in header and "difference LEAKY" in header
    assert "honest LEAKY" not in header
    notes = [line for line in text.splitlines() if line[:1] not in ("|", "")]
    assert len(notes) == 4 and all("LEAKY" in line for line in notes)

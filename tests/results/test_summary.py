import csv
import json
import math
import stat

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from esc50.errors import UserError
from esc50.results.labels import LEAKY, SYNTHETIC
from esc50.results.layout import show_table
from esc50.results.statistics import (
    calibration_error,
    clustered_wilson,
    f1_macro,
    log_loss,
    wilson,
)
from esc50.results.summary import log_to_tensorboard, summarise
from esc50.results.summary_text import console_table

FIVE = (1, 2, 3, 4, 5)


def rows_of(runs):
    """What predictions.csv says, read apart from the package."""
    rows = []
    for run in runs:
        with (run / "predictions.csv").open(newline="") as file:
            rows += list(csv.DictReader(file))
    targets = np.array([int(row["target"]) for row in rows])
    predictions = np.array([int(row["prediction"]) for row in rows])
    names = list(rows[0])[4:]
    probabilities = np.array([[float(row[name]) for name in names] for row in rows])
    return targets, predictions, probabilities, [row["clip"] for row in rows]


@pytest.fixture
def five(tmp_path, make_run):
    return [make_run(tmp_path / f"seed1/fold{k}", fold=k) for k in FIVE]


def test_aggregates_agree_with_scikit_learn(five, tmp_path):
    summary = summarise(five, FIVE, out=tmp_path / "out")
    targets, predictions, probabilities, clips = rows_of(five)
    labels = np.unique(targets)
    assert 0.3 < summary["test/acc"] < 0.98  # the made-up runs err, but not all the time
    assert summary["test/acc"] == pytest.approx(accuracy_score(targets, predictions))
    assert summary["confusion"] == confusion_matrix(targets, predictions).tolist()
    f1 = f1_score(targets, predictions, average="macro")
    assert summary["test/f1_macro"] == pytest.approx(f1)
    normed = probabilities / probabilities.sum(1, keepdims=True)
    assert summary["test/log_loss"] == pytest.approx(metrics.log_loss(targets, normed), rel=1e-6)
    recall = recall_score(targets, predictions, average=None, labels=labels)
    assert [row["acc"] for row in summary["per_class"]] == pytest.approx(recall)
    assert [row["label"] for row in summary["per_class"]] == labels.tolist()
    assert (summary["n_test"], summary["n_clips"], summary["n_sources"]) == (300, 300, 150)
    animals = summary["per_category"][0]
    among = targets < 10
    assert animals["acc"] == pytest.approx(accuracy_score(targets[among], predictions[among]))
    assert animals["acc_category5"] == pytest.approx((predictions[among] < 10).mean())
    assert len(clips) == summary["n_test"]


def test_mean_and_spread_are_over_the_folds(five, tmp_path):
    summary = summarise(five[::-1], FIVE, out=tmp_path / "out")
    folds = [json.loads((run / "results.json").read_text())["test/acc"] for run in five]
    assert summary["test/acc_folds"] == folds
    assert summary["test/acc_mean"] == pytest.approx(np.mean(folds))
    assert summary["test/acc_std"] == pytest.approx(np.std(folds, ddof=1))
    assert summary["test/loss_mean"] == pytest.approx(0.8)
    assert summary["complete"] and not summary["missing"]


def test_most_confused_pairs_come_in_order(five, tmp_path):
    summary = summarise(five, out=tmp_path / "out")
    targets, predictions, _, _ = rows_of(five)
    number = dict(zip(summary["classes"], np.unique(targets), strict=True))
    counts = [pair["count"] for pair in summary["confused"]]
    assert counts == sorted(counts, reverse=True) and counts[0] > 0
    for pair in summary["confused"]:
        of_target = targets == number[pair["target"]]
        taken = of_target & (predictions == number[pair["prediction"]])
        assert pair["count"] == taken.sum()
        assert pair["share"] == pytest.approx(taken.sum() / of_target.sum())


def test_the_interval_is_wilsons_when_every_clip_is_its_own_recording():
    rng = np.random.default_rng(0)
    for n, p in ((40, 0.9), (400, 0.83), (80, 1.0), (10, 0.0)):
        correct = rng.random(n) < p
        expected = binomtest(int(correct.sum()), n).proportion_ci(method="wilson")
        names = [f"c{i}" for i in range(n)]
        got = clustered_wilson(correct, names, names)
        assert got == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_is_that_of_the_recordings_when_takes_are_copies():
    correct = np.repeat(np.random.default_rng(1).random(50) < 0.8, 4)
    clips = [f"c{i}" for i in range(200)]
    sources = [f"s{i // 4}" for i in range(200)]
    expected = binomtest(int(correct.sum()) // 4, 50).proportion_ci(method="wilson")
    got = clustered_wilson(correct, clips, sources)
    assert got == pytest.approx((expected.low, expected.high), abs=2e-3)


def test_testing_clips_again_with_the_same_outcome_adds_no_certainty():
    correct = np.random.default_rng(2).random(90) < 0.85
    clips, sources = [f"c{i}" for i in range(90)], [f"s{i // 2}" for i in range(90)]
    once = clustered_wilson(correct, clips, sources)
    thrice = clustered_wilson(np.tile(correct, 3), clips * 3, sources * 3)
    assert thrice == pytest.approx(once)


def test_the_interval_covers_the_truth_where_plain_wilson_does_not():
    rng, truth, trials = np.random.default_rng(3), 0.9, 300
    clips, sources = [f"c{i}" for i in range(400)], [f"s{i // 4:03d}" for i in range(400)]
    covered = np.zeros(2)
    for _ in range(trials):
        by_source = rng.beta(0.9, 0.1, 100)  # takes are nearly all right or all wrong
        correct = rng.random(400) < by_source.repeat(4)
        for index, (low, high) in enumerate(
            (clustered_wilson(correct, clips, sources), wilson(correct.mean(), 400))
        ):
            covered[index] += low <= truth <= high
    assert covered[0] / trials > 0.92
    assert covered[1] / trials < 0.80


def test_the_interval_agrees_with_a_cluster_bootstrap_away_from_the_ends():
    rng = np.random.default_rng(4)
    sources = rng.integers(0, 300, 500)
    correct = rng.random(500) < rng.beta(2, 1, 300)[sources]
    sums = np.bincount(sources, correct, 300)
    sizes = np.bincount(sources, minlength=300)
    drawn = rng.integers(0, 300, (4000, 300))
    low, high = np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    got = clustered_wilson(correct, [f"c{i}" for i in range(500)], [f"s{s}" for s in sources])
    assert got == pytest.approx((low, high), abs=0.012)


def test_f1_takes_the_classes_that_occur():
    # 2/3 of class 0, 1/2 of class 1, nothing of class 3, which is never predicted
    got = f1_macro(np.array([0, 0, 1, 3]), np.array([0, 1, 1, 1]))
    assert got == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_log_loss_takes_all_classes_and_survives_not_a_number():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]])
    targets = np.array([0, 1])  # the third class is not among them
    assert log_loss(probabilities, targets) == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)
    probabilities[0, 0] = math.nan
    assert math.isnan(log_loss(probabilities, targets))


def test_calibration_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.45, 0.55]])
    correct = np.array([True, False, True, True])
    # bins (14/15, 1] and (8/15, 9/15]: 2/4 * |0.5 - 0.95| + 2/4 * |1 - 0.55|
    assert calibration_error(probabilities, correct) == pytest.approx(0.45)


def test_several_seeds(tmp_path, make_run):
    runs = [make_run(tmp_path / f"s{s}f{k}", fold=k, seed=s) for s in (1, 2, 3) for k in (1, 2)]
    summary = summarise(runs, (1, 2), out=tmp_path / "out", expected_seeds=(1, 2, 3))
    accuracy = [json.loads((run / "results.json").read_text())["test/acc"] for run in runs]
    assert summary["complete"]
    assert summary["test/acc_seeds"] == {
        "1": accuracy[0:2],
        "2": accuracy[2:4],
        "3": accuracy[4:6],
    }
    assert summary["test/acc_folds"] == pytest.approx(np.mean(np.reshape(accuracy, (3, 2)), 0))
    assert summary["test/acc_std"] == pytest.approx(np.std(accuracy, ddof=1))
    assert (summary["n_test"], summary["n_clips"]) == (360, 120)
    targets, predictions, _, clips = rows_of(runs)
    by_source = {}
    for clip, right in zip(clips, targets == predictions, strict=True):
        by_source.setdefault(clip.split("-")[1], []).append(right)
    sums = np.array([np.mean(right) for right in by_source.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (4000, len(sums)))
    bootstrap = np.percentile(sums[drawn].mean(1), [2.5, 97.5])
    assert summary["test/acc_ci95"] == pytest.approx(bootstrap, abs=0.015)
    assert "## By seed" in (tmp_path / "out/summary.md").read_text()


def test_missing_and_failed_folds_are_named(five, tmp_path):
    (five[3] / "results.json").unlink()
    summary = summarise(
        [*five[:2], five[3]], FIVE, out=tmp_path / "out", failed={"fold 3, seed 1": "out of memory"}
    )
    assert summary["complete"] is False
    assert summary["missing"] == {
        "fold 3, seed 1": "out of memory",
        "fold 4, seed 1": "not finished: no results.json",
        "fold 5, seed 1": "no finished run",
    }
    assert summary["folds"] == [1, 2] and len(summary["test/acc_folds"]) == 2
    text = (tmp_path / "out/summary.md").read_text()
    assert "INCOMPLETE" in text.splitlines()[0]
    assert "- fold 3, seed 1: out of memory" in text


def test_nothing_finished_is_refused_with_the_reasons(tmp_path):
    with pytest.raises(UserError, match="fold 1, seed 1: no such clip"):
        summarise([], FIVE, out=tmp_path, failed={"fold 1, seed 1": "no such clip"})


def test_leaky_and_synthetic_stand_wherever_a_number_does(tmp_path, make_run, capsys):
    run = make_run(tmp_path / "run", leaky=True, synthetic=True)
    summary = summarise([run], (1,), out=tmp_path / "out")
    text = (tmp_path / "out/summary.md").read_text()
    assert LEAKY in text.splitlines()[0] and SYNTHETIC in text.splitlines()[0]
    body = text[: text.index("## How it was computed")]
    header = ""
    for line in body.splitlines():
        header = line if line.startswith("|") and not header.startswith("|") else header
        header = header if line.startswith("|") else ""
        if "%" in line:
            assert "LEAKY" in line or "LEAKY" in header, line
    capsys.readouterr()
    show_table(console_table(summary))
    shown = capsys.readouterr().out
    assert all(f"{name} LEAKY" in shown for name in ("test acc", "macro F1", "test loss"))
    assert "LEAKY" in shown[shown.index("95% interval") :]


def test_files_are_whole_and_leave_nothing_beside(five, tmp_path):
    out = tmp_path / "out"
    summarise(five, FIVE, out=out)
    first = json.loads((out / "summary.json").read_text())
    summary = summarise(five, FIVE, out=out)
    assert json.loads((out / "summary.json").read_text()) == summary == first
    names = {file.name for file in out.iterdir()}
    assert names == {"summary.json", "summary.md", "confusion.png", "classes.png"}
    for name in ("confusion.png", "classes.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_runs_of_two_recipes_or_data_sets_or_twice_one_fold_are_refused(tmp_path, make_run):
    one = make_run(tmp_path / "a", fold=1)
    for name, other in (
        ("one recipe", make_run(tmp_path / "b", fold=2, signature="ffff")),
        ("one data set", make_run(tmp_path / "c", fold=2, data_digest="d2")),
        ("fold 1, seed 1", make_run(tmp_path / "d", fold=1)),
    ):
        with pytest.raises(UserError, match=name):
            summarise([one, other], out=tmp_path / "out")


@pytest.mark.parametrize("text", ["", "clip,fold\n", "clip,fold,target,prediction,dog\n1,2\n"])
def test_damaged_predictions_are_refused_by_name(tmp_path, make_run, text):
    run = make_run(tmp_path / "run")
    (run / "predictions.csv").write_text(text)
    with pytest.raises(UserError, match=r"run/predictions.csv"):
        summarise([run], out=tmp_path / "out")


def test_a_diverged_run_is_summarised(tmp_path, make_run):
    run = make_run(tmp_path / "run", **{"test/loss": math.nan, "val/acc": None})
    header, *lines = (run / "predictions.csv").read_text().splitlines()
    spoiled = [",".join([*line.split(",")[:4], *["nan"] * 5]) for line in lines]
    (run / "predictions.csv").write_text("\n".join([header, *spoiled]) + "\n")
    summary = summarise([run], out=tmp_path / "out")
    assert summary["test/loss_mean"] is None and summary["test/log_loss"] is None
    assert summary["val/acc_mean"] is None and summary["test/acc"] > 0.3


def test_a_few_clips_that_do_not_show_every_class(tmp_path, make_run):
    run = make_run(tmp_path / "run", skill=9.0)
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join(lines[:1] + lines[-3:]) + "\n")
    summary = summarise([run], out=tmp_path / "out")
    assert [(row["class"], row["label"], row["n"]) for row in summary["per_class"]] == [
        ("crying_baby", 20, 3)
    ]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(UserError, match="cannot be written"):
        summarise([run], out=tmp_path / "out")
    assert stat.S_ISREG((tmp_path / "out").stat().st_mode)


def test_tensorboard_gets_scalars_and_figures(tmp_path, make_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = make_run(tmp_path / "run", leaky=True)
    summary = summarise([run], out=tmp_path / "out")
    log_to_tensorboard(summary, tmp_path / "tb")
    events = EventAccumulator(str(tmp_path / "tb")).Reload()
    (scalar,) = events.Scalars("LEAKY/test/acc_mean")
    assert scalar.value == pytest.approx(summary["test/acc_mean"])
    assert set(events.Tags()["images"]) == {"LEAKY/summary/confusion", "LEAKY/summary/classes"}

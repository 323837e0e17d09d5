import csv
import json
import math
import stat

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from esc50.errors import UserError
from esc50.results.recipes.summary import log_to_tensorboard, summarise

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
    text = (tmp_path / "out/summary.md").read_text()
    assert "## By seed" in text
    together = summary["ensemble"]
    assert together["networks"] == 3 and f"**{together['acc']:.2%}** (95%" in text


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


def test_a_diverged_run_is_summarised(tmp_path, make_run):
    run = make_run(tmp_path / "run", **{"test/loss": math.nan, "val/acc": None})
    header, *lines = (run / "predictions.csv").read_text().splitlines()
    spoiled = [",".join([*line.split(",")[:4], *["nan"] * 5]) for line in lines]
    (run / "predictions.csv").write_text("\n".join([header, *spoiled]) + "\n")
    summary = summarise([run], out=tmp_path / "out")
    assert summary["test/loss_mean"] is None and summary["test/log_loss"] is None
    assert summary["val/acc_mean"] is None and summary["test/acc"] > 0.3


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

import csv
import json

import numpy as np
import pytest

from esc50.errors import UserError
from esc50.results.predictions import pool_predictions, read_run, run_name, source_of
from esc50.results.run_folder import write_predictions


@pytest.mark.parametrize(
    ("clip", "source"),
    [("1-4711-B-20.wav", "4711"), ("a/1-4711-B-20.ogg", "4711"), ("saw/one.wav", "saw/one.wav")],
)
def test_a_clips_recording_is_in_its_esc50_name(clip, source):
    assert source_of(clip) == source


def test_names_that_spreadsheets_would_compute_survive_writing_and_reading(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    clips, classes = ["=1.wav", "b.wav"], ("+rain", "@dog", "'=tis")
    probabilities = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    labels = np.array([3, 8, 9])
    path = run / "predictions.csv"
    write_predictions(
        path, clips, np.array([1, 1]), labels[[0, 2]], probabilities, classes, labels, clips
    )
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    back = read_run(run)
    assert (back.classes, back.clips.tolist()) == (classes, clips)
    assert back.predicted_labels.tolist() == [3, 8]
    assert (run / "mistakes.csv").read_text().splitlines()[1] == "b.wav,''=tis,'@dog,0.7500,0.1250"


def test_pooled_tests_are_those_of_the_runs(tmp_path, make_run):
    runs = [read_run(make_run(tmp_path / f"fold{fold}", fold=fold)) for fold in (1, 2)]
    pooled = pool_predictions(runs)
    assert [run.name for run in runs] == ["fold 1, seed 1", "fold 2, seed 1"]
    assert pooled.clips.tolist() == [*runs[0].clips, *runs[1].clips]
    assert pooled.class_labels.tolist() == [0, 1, 10, 11, 20]
    accuracy = np.mean([run.results["test/acc"] for run in runs])
    assert pooled.correct.mean() == pytest.approx(accuracy)
    assert np.array_equal(pooled.predictions, pooled.probabilities.argmax(1))


def test_runs_of_other_classes_are_not_pooled(tmp_path, make_run):
    one, other = (make_run(tmp_path / name) for name in ("one", "other"))
    path = other / "predictions.csv"
    path.write_text(path.read_text().replace(",rooster,", ",hen,"))
    with pytest.raises(UserError, match="its classes are not those of"):
        pool_predictions([read_run(one), read_run(other)])


def test_predictions_that_do_not_fit_their_columns_are_refused(tmp_path, make_run):
    path = make_run(tmp_path / "run", skill=9.0) / "predictions.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, lines[0].replace(",0,0,", ",0,49,")]) + "\n")
    with pytest.raises(UserError, match="do not fit its class columns"):
        pool_predictions([read_run(path.parent)])


@pytest.mark.parametrize("text", ["", "clip,fold\n", "clip,fold,target,prediction,dog\n1,2\n"])
def test_damaged_predictions_are_refused_by_name(tmp_path, make_run, text):
    run = make_run(tmp_path / "run")
    (run / "predictions.csv").write_text(text)
    with pytest.raises(UserError, match=r"run/predictions.csv"):
        read_run(run)


def test_a_few_clips_that_do_not_show_every_class(tmp_path, make_run):
    run = make_run(tmp_path / "run", skill=9.0)
    lines = (run / "predictions.csv").read_text().splitlines()
    (run / "predictions.csv").write_text("\n".join(lines[:1] + lines[-3:]) + "\n")
    pooled = pool_predictions([read_run(run)])
    assert pooled.class_labels.tolist() == [0, 1, 10, 11, 20]
    assert [pooled.classes[target] for target in pooled.targets] == ["crying_baby"] * 3


def test_recordings_that_names_do_not_tell_are_those_the_run_wrote(tmp_path, make_run):
    folder = make_run(tmp_path / "run")
    clips = read_run(folder).clips.tolist()
    sources = {clip: f"tape{number // 3}" for number, clip in enumerate(clips)}
    (folder / "sources.json").write_text(json.dumps(sources))
    assert read_run(folder).sources.tolist() == list(sources.values())
    assert pool_predictions([read_run(folder)]).sources.tolist() == list(sources.values())
    (folder / "sources.json").write_text("{}")
    with pytest.raises(UserError, match=r"sources\.json: is damaged"):
        read_run(folder)


@pytest.mark.parametrize(
    ("cell", "words"),
    [("9" * 20, "is damaged"), ("x" * 200_000, "is empty or no text")],
)
def test_a_cell_that_no_run_writes_is_refused(tmp_path, make_run, cell, words):
    run = make_run(tmp_path / "run")
    path = run / "predictions.csv"
    header, first, *rest = path.read_text().splitlines()
    clip, fold, _, *others = first.split(",")
    path.write_bytes("\n".join([header, ",".join([clip, fold, cell, *others]), *rest]).encode())
    with pytest.raises(UserError, match=words):
        read_run(run)


def test_recordings_in_brackets_without_end_are_refused(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    (run / "sources.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"sources\.json: is damaged"):
        read_run(run)


def test_a_test_of_all_folds_is_called_so():
    assert run_name(1, 0) == "fold 0, seed 1"
    assert run_name(1, None) == "all folds, seed 1"

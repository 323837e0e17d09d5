import json

import numpy as np
import pytest

from esc50.errors import UserError
from esc50.results.predictions import pool_predictions, read_run, source_of


@pytest.mark.parametrize(
    ("clip", "source"),
    [("1-4711-B-20.wav", "4711"), ("a/1-4711-B-20.ogg", "4711"), ("saw/one.wav", "saw/one.wav")],
)
def test_a_clips_recording_is_in_its_esc50_name(clip, source):
    assert source_of(clip) == source


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

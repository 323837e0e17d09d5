import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from esc50.api import build_datamodule, load_recipe
from esc50.audio.files.read import audio_digest
from esc50.deploy.export.run_clips import Clips, clips_to_check_on
from esc50.errors import UserError
from esc50.model.trained import load_trained
from tests.deploy.small import make_recordings, model_of_recordings, small_model


@pytest.fixture(scope="module")
def model(tiny_run):
    return load_trained(tiny_run / "checkpoints" / "best.ckpt")


def with_config(model, **sections):
    specification = {**model.specification, "config": {**model.config, **sections}}
    return replace(model, specification=specification)


def test_the_sides_are_those_of_the_run(model, tiny_overrides):
    data = build_datamodule(load_recipe(None, *tiny_overrides))
    test, train = clips_to_check_on([model])
    assert test.paths == [data.table.paths[item] for item in data.split.test]
    assert test.targets.tolist() == data.table.targets[data.split.test].tolist()
    assert train.paths == [data.table.paths[item] for item in data.split.train]


def test_a_tilde_in_the_runs_own_config_is_the_home_folder(model, tiny, monkeypatch):
    monkeypatch.setenv("HOME", str(tiny.parent))
    there = with_config(model, data={**model.config["data"], "root": f"~/{tiny.name}"})
    assert len(clips_to_check_on([there])[0].paths) == len(clips_to_check_on([model])[0].paths)


def test_an_ensemble_that_has_seen_the_clips_has_no_accuracy_on_them(model):
    test, _ = clips_to_check_on([model, model])
    assert test.targets is not None

    def targets_beside(**facts):
        other = replace(model, specification={**model.specification, **facts})
        return clips_to_check_on([model, other])[0].targets

    one = [audio_digest(test.paths[0])]
    assert targets_beside(seen={"trained": one, "chosen": []}) is None
    assert targets_beside(seen={"trained": [], "chosen": one}) is None
    assert targets_beside(seen=None) is None
    assert Clips(test.paths).accuracy(np.eye(5)) is None


def test_recordings_are_cut_and_heard_as_in_training(tmp_path):
    model = model_of_recordings(make_recordings(tmp_path / "clips"))
    test, train = clips_to_check_on([model])
    assert len(test.paths) == len(train.paths) == 6 and test.spans[:, 0].tolist() == [0, 0.5] * 3
    (waveforms,) = test.waveforms(model.spec)
    assert not waveforms[::2].any()
    assert waveforms[1::2].any()  # of the first channel: their mean is silent
    few = test.sample(2)
    np.testing.assert_array_equal(next(few.waveforms(model.spec)), waveforms[[0, 5]])


def test_a_table_without_a_folder_is_opened_where_the_run_found_it(model, tiny):
    table = {
        "_target_": "esc50.data.datasets.Table", "root": None, "table": f"{tiny}/meta/esc50.csv",
        "audio": f"{tiny}/audio", "cache_dir": "none",
        "columns": {**dict.fromkeys(("file", "label", "target", "fold", "source", "take", "split")),
                    "file": "filename", "label": "category", "fold": "fold"},
    }  # fmt: skip
    test, _ = clips_to_check_on([with_config(model, data=table)])
    assert test.paths == clips_to_check_on([model])[0].paths
    with pytest.raises(UserError, match=r"are not here \(.*none\.csv.*\): say where they are with"):
        clips_to_check_on([with_config(model, data={**table, "table": "none.csv"})])


def test_waveforms_come_in_batches(model):
    test, _ = clips_to_check_on([model])
    sizes = [batch.shape for batch in Clips(test.paths * 2).waveforms(model.spec)]
    assert sizes == [(16, 4000), (4, 4000)]


def test_a_sample_is_spread_over_all():
    clips = Clips(list(range(101)), np.arange(101)).sample(5)
    assert clips.paths == clips.targets.tolist() == [0, 25, 50, 75, 100]
    assert len(Clips(list(range(3))).sample(5).paths) == 3


def test_a_data_set_that_is_not_there_is_named(model, tmp_path):
    with pytest.raises(UserError, match=r"are not at .*none: say where they are with --data-root"):
        clips_to_check_on([model], root=tmp_path / "none")
    (tmp_path / "none").mkdir()  # into which a data set would be downloaded
    with pytest.raises(UserError, match=r"are not at .*none"):
        clips_to_check_on([model], root=tmp_path / "none")


@pytest.mark.parametrize(
    "target", ["os.system", "esc50.data.datasets.Path", "esc50.data.tables.table.csv"]
)
def test_a_data_set_of_another_package_is_not_opened(model, target):
    theirs = with_config(model, data={"_target_": target, "root": "."})
    with pytest.raises(UserError, match=f"opened by {re.escape(target)}, code of another package"):
        clips_to_check_on([theirs])


def test_other_clips_have_no_class(tiny, tmp_path):
    clips, train = clips_to_check_on([small_model()], folder=tiny)
    assert len(clips.paths) == 50 and clips.targets is None and train is None
    with pytest.raises(UserError, match="holds no sound files"):
        clips_to_check_on([small_model()], folder=tmp_path)


def test_parts_are_heard_to_their_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(16_000, 0.5), 8000)
    spec = small_model().spec
    spans = np.array([[1.0, 1.1], [0.0, np.inf]])
    (waveforms,) = Clips([tmp_path / "a.wav"] * 2, None, spans).waveforms(spec)
    end = int(0.1 * spec.sample_rate)
    assert waveforms[0, : end - 50].any() and not waveforms[0, end + 1 :].any()
    assert waveforms[1, end:-50].all()

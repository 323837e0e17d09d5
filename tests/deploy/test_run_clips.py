import re
from dataclasses import replace

import numpy as np
import pytest

from esc50.api import build_datamodule, load_recipe
from esc50.deploy.run_clips import Clips, clips_to_check_on
from esc50.errors import UserError
from esc50.model.trained import load_trained
from tests.deploy.small import small_model


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


def test_an_ensemble_over_folds_has_no_clip_to_measure_accuracy_on(model):
    other = with_config(model, split={**model.config["split"], "fold": 3})
    assert clips_to_check_on([model, model])[0].targets is not None
    test, _ = clips_to_check_on([model, other])
    assert test.targets is None
    assert test.accuracy(np.eye(5)) is None


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

from pathlib import Path

import pytest

from esc50.config.schema.sections import (
    DataSettings,
    ModelSettings,
    RunSettings,
    TrainerSettings,
    TrialSettings,
)
from esc50.config.validation import GROUPS
from esc50.errors import UserError


@pytest.fixture
def trainer(config):
    """The `trainer` section of a run, changed."""
    from omegaconf import OmegaConf

    section = OmegaConf.to_container(config().trainer, resolve=True)
    return lambda **changes: TrainerSettings.parse("trainer", section | changes)


@pytest.mark.parametrize("limit", [0.5, 1.0, 1, 30, None])
def test_a_limit_is_a_part_or_a_number_of_batches(trainer, limit):
    assert trainer(limit_train_batches=limit).limit_train_batches == limit


@pytest.mark.parametrize("limit", [0, 0.0, 1.5, -1, True, "all"])
def test_another_limit_is_refused(trainer, limit):
    with pytest.raises(UserError, match=r"trainer\.limit_val_batches=.* is invalid"):
        trainer(limit_val_batches=limit)


def test_arguments_of_lightnings_own_are_left_to_it(trainer):
    assert trainer(val_check_interval=0.5).val_check_interval == 0.5
    with pytest.raises(
        UserError, match=r"trainer\.precision=half is invalid: it takes one of auto,"
    ):
        trainer(precision="half")


def test_the_keys_of_a_data_section_are_parted():
    section = {"_target_": "a.B", "root": "???", "seed": 1, "cache_dir": Path("c"), "workers": 2}
    settings = DataSettings.of(section)
    assert (settings.cache_dir, settings.workers) == ("c", 2)
    assert DataSettings.without(section) == {"_target_": "a.B", "seed": 1}


def test_a_tilde_in_a_path_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for given in ("~/c", Path("~/c")):
        assert DataSettings.of({"cache_dir": given}).cache_dir == "/home/me/c"


def test_a_tilde_that_hydra_would_make_a_folder_of_is_refused(config):
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(config(), resolve=True)
    run = {key: value for key, value in values.items() if key not in GROUPS}
    RunSettings.parse("", run | {"output_dir": "/a/~/runs"})
    for folder in ("~", "~/runs", " ~/runs"):
        with pytest.raises(UserError, match=r"output_dir=.* is invalid: .* by its whole path"):
            RunSettings.parse("", run | {"output_dir": folder})


@pytest.mark.parametrize("stride", [[4], [0, 2], [2, 8], 2, [2, 2, 2]])
def test_a_stride_is_a_pair_from_1_to_7(stride):
    assert ModelSettings.parse("model", {"stem_stride": [2, 4]}).stem_stride == [2, 4]
    with pytest.raises(UserError, match=r"model\.stem_stride=.* is invalid: it takes a list of 2"):
        ModelSettings.parse("model", {"stem_stride": stride})


def test_a_trial_has_a_study_and_a_number_from_0():
    assert TrialSettings.parse("trial", {"study": None, "number": None}).number is None
    with pytest.raises(UserError, match=r"trial\.number=-1 is invalid"):
        TrialSettings.parse("trial", {"study": "here", "number": -1})

"""Every file below conf/ is a choice that a user can make."""

import contextlib

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from esc50.config.resolvers import register_resolvers
from esc50.config.sections import DataSettings
from esc50.config.validation import RECIPES, check
from esc50.data.datasets import make_dataset
from esc50.errors import UserError
from tests.conftest import REPOSITORY

register_resolvers()
CONF = REPOSITORY / "conf"
CHOICES = sorted(
    path.relative_to(CONF).with_suffix("").as_posix()
    for path in CONF.rglob("*.yaml")
    if path.parent != CONF and path.relative_to(CONF).parts[0] not in ("hydra", "sweep")
)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_is_accepted(choice):
    group, name = choice.split("/")
    override = f"{'+' if group in RECIPES else ''}{group}={name}"
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        overrides = [override, "data.root=somewhere"]
        cfg = compose("train", overrides, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            del cfg["hydra"]
        check(cfg)
    if group == "experiment":
        assert cfg.name == name


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.startswith("data/")])
def test_every_key_of_a_data_set_is_read(choice, tmp_path):
    """Opened where nothing is and nothing can be fetched; the keys are read before that shows."""
    overrides = [f"data={choice.split('/')[1]}", f"data.root={tmp_path / 'none'}"]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        cfg = compose("train", overrides)
    section = OmegaConf.to_container(cfg.data, resolve=True)
    if "url" in section:
        section["url"] = "http://127.0.0.1:9/none.zip"
    if "clips_per_fold" in section:
        section["clips_per_fold"] = 10
    made, read = make_dataset(section), set()

    class Recorded(type(made)):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    with contextlib.suppress(UserError):
        Recorded(**dict(made)).open()
    assert set(section) - {"_target_", *DataSettings.model_fields} <= read

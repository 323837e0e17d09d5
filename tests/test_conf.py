"""Every file below conf/ is a choice that a user can make."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from esc50.config.resolvers import register_resolvers
from esc50.config.validation import RECIPES, check
from tests.conftest import REPOSITORY

register_resolvers()
CONF = REPOSITORY / "conf"
CHOICES = sorted(
    path.relative_to(CONF).with_suffix("").as_posix()
    for path in CONF.rglob("*.yaml")
    if path.parent != CONF and path.relative_to(CONF).parts[0] not in ("hydra", "sweep")
)
# What learns nothing by steps goes with settings that say so.
CLASSICAL = ("model/random_forest", "model/svm", "optimizer/none")


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_is_accepted(choice):
    group, name = choice.split("/")
    override = f"{'+' if group in RECIPES else ''}{group}={name}"
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        overrides = [override, "data.root=somewhere"]
        overrides += ["data.table=clips.csv"] if choice == "data/csv" else []
        overrides += ["+experiment=classical"] if choice in CLASSICAL else []
        cfg = compose("train", overrides, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            del cfg["hydra"]
        check(cfg)
    if group == "experiment":
        assert cfg.name == name

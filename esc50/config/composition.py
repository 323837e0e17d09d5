"""Composes and checks a config outside Hydra's command line."""

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from esc50.config.choices import CONF, quote_paths
from esc50.config.resolvers import register_resolvers
from esc50.config.validation import check


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """Compose what `python train.py` would of these overrides, and check it.

    Raises:
        UserError: naming the first key that is wrong and what it may be.
    """
    register_resolvers()
    if GlobalHydra.instance().is_initialized():
        return _composed(overrides)
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return _composed(overrides)


def compose_plain(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Compose, without a check, what these overrides stand for, in plain dictionaries."""
    plain: Any = OmegaConf.to_container(compose_open(overrides), resolve=True)
    return dict(plain)


def compose_open(overrides: Sequence[str] = ()) -> DictConfig:
    """Compose, without a check, what these overrides stand for, with its `${...}` as they are."""
    register_resolvers()
    instance = GlobalHydra.instance()
    places = str(instance.config_loader().get_search_path()) if instance.is_initialized() else ""
    cfg = deepcopy(_compose(tuple(overrides), places))
    OmegaConf.set_struct(cfg, False)
    return cfg


@lru_cache(16)  # a third of a second each, and the default is asked for by every run
def _compose(overrides: tuple[str, ...], places: str) -> DictConfig:
    if places:  # where Hydra, which is running, looks for configs
        return compose("train", list(overrides))
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("train", list(overrides))


def _composed(overrides: Sequence[str]) -> DictConfig:
    cfg = compose("train", quote_paths(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    check(cfg)
    return cfg

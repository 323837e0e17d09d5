"""Is this config one that can run? Answered before torch loads, naming the key."""

import difflib
import math
from collections.abc import Callable, Iterator
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from esc50.audio.augment_params import make_recipe
from esc50.audio.spec import FeatureSpec
from esc50.config.choices import CONF
from esc50.data.datasets import DataSettings, make_dataset
from esc50.data.split import SplitSettings
from esc50.errors import UserError

TYPED = ("data", "split", "features", "augment")
RECIPES = ("experiment", "sweep", "debug")  # groups that set keys of the others, and own none


def _number(low: float, high: float = float("inf"), whole: bool = False) -> tuple[Callable, str]:
    kind = "a whole number" if whole else "a number"
    bounds = f"of at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"

    def fits(value: Any) -> bool:
        right_type = isinstance(value, int if whole else (int, float))
        finite = right_type and not isinstance(value, bool) and math.isfinite(value)
        return finite and low <= value <= high

    return fits, f"{kind} {bounds}"


def _one_of(*choices: Any) -> tuple[Callable, str]:
    # 1 == True in Python, so the type is compared as well.
    pairs = {(type(c), c) for c in choices}
    names = ", ".join("null" if c is None else str(c) for c in choices)
    return lambda value: (type(value), value) in pairs, f"one of {names}"


def _or_null(fits: Callable, words: str) -> tuple[Callable, str]:
    return lambda value: value is None or fits(value), f"{words}, or null"


def _text() -> tuple[Callable, str]:
    return lambda value: isinstance(value, str) and bool(value.strip()), "a text"


def _steps() -> tuple[Callable, str]:
    fits, words = _number(1, 7, whole=True)

    def both(value: Any) -> bool:
        return isinstance(value, list) and len(value) == 2 and all(map(fits, value))

    return both, f"a pair [rows, columns], each {words}"


def _devices() -> tuple[Callable, str]:
    fits, words = _number(1, whole=True)
    return lambda value: value == "auto" or fits(value), f"auto or {words}"


FLAG = _one_of(True, False)
SHARE = _number(0, 1)
RULES = {
    "name": _text(),
    "seed": _number(0, 2**32 - 1, whole=True),
    "batch_size": _number(1, whole=True),
    "monitor": _text(),
    "rerun": FLAG,
    "output_dir": _text(),
    "jobs_per_gpu": _number(1, whole=True),
    "optimizer.lr": _number(0),
    "optimizer.weight_decay": _number(0),
    "callbacks.average.decay": SHARE,
    "model.head_width": _or_null(*_number(1, whole=True)),
    "model.stem_stride": _or_null(*_steps()),
    "model.input_std": _number(1e-6),
    "model.label_smoothing": SHARE,
    "trainer.devices": _devices(),
    "trainer.strategy": _one_of("auto", "ddp"),
    "trainer.max_epochs": _number(1, whole=True),
}


def check(cfg: DictConfig) -> None:
    """Refuse a config with an unknown key or a value that cannot be.

    Raises:
        UserError: naming the first key that is wrong and what it may be.
    """
    _check_keys(cfg)
    try:
        values = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"config: {str(error).splitlines()[0]}") from None
    for key, (fits, words) in RULES.items():
        value, known = _lookup(values, key)
        if known and not fits(value):
            raise UserError(f"{key}={_show(value)} cannot be: it takes {words}")
    DataSettings.of(values["data"])
    make_dataset(values["data"])
    SplitSettings.parse("split", values["split"])
    make_recipe(values["augment"])
    FeatureSpec.parse("features", values["features"])
    if values["monitor"].startswith("test/"):
        raise UserError(
            f"monitor={values['monitor']} chooses on the test clips, which makes their result "
            "worthless: name a val/ metric"
        )
    _check_devices(values["trainer"], values["batch_size"])


def _check_devices(trainer: dict[str, Any], batch_size: int) -> None:
    devices = trainer["devices"]
    if devices != 1 and trainer.get("strategy") != "ddp":
        raise UserError(
            f"trainer.devices={devices} takes several processes: choose trainer=ddp for GPUs or "
            "trainer=ddp_cpu for cores"
        )
    if devices == "auto" and trainer["accelerator"] == "cpu":
        raise UserError("trainer.devices=auto counts GPUs: say how many processes, for cores")
    if devices != "auto" and devices > batch_size:
        raise UserError(
            f"trainer.devices={devices} is more than batch_size={batch_size}, which is that of all "
            "processes together: some would have nothing to do"
        )


def _check_keys(cfg: DictConfig) -> None:
    """Only keys that the chosen groups declare may be set, and arguments of what they build.

    `+key=value` adds such an argument; anywhere else nothing would read it.
    """
    hydra = HydraConfig.get()
    overrides = OverridesParser.create().parse_overrides(list(hydra.overrides.task))
    added = {o.key_or_group for o in overrides if o.is_add() or o.is_force_add()}
    choices = [
        f"{group}={choice}"
        for group, choice in hydra.runtime.choices.items()
        if not group.startswith("hydra/") and group not in RECIPES and "/" not in group
    ]
    declared = _compose(choices)
    for key in declared:
        if key not in cfg.keys():  # noqa: SIM118  (`in` denies keys without a value)
            raise UserError(
                f"~{key} leaves out what every run needs: instead, set what is in it to null "
                "(logger.tensorboard=null) or choose another"
            )
    for key in _unknown(cfg, declared):
        if key.partition(".")[0] in TYPED:  # what reads the section knows its keys
            continue
        section = OmegaConf.select(declared, key.rpartition(".")[0]) or {}
        builds = "." in key and section.get("_target_")
        if not (builds and any(f"{key}.".startswith(f"{name}.") for name in added)):
            siblings = [k for k in _keys(declared) if k.count(".") == key.count(".")]
            close = difflib.get_close_matches(key, siblings, n=1)
            hint = f"an argument is added with +{key}=..." if builds else "nothing would read it"
            hint = f"did you mean {close[0]}?" if close and key not in added else hint
            raise UserError(f"{key} is not a setting: {hint}")


def _compose(choices: list[str]) -> DictConfig:
    if GlobalHydra.instance().is_initialized():
        return compose("train", overrides=choices)
    # A launcher's worker process: it was handed a composed config.
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("train", overrides=choices)


def _unknown(cfg: DictConfig, declared: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in cfg:
        path = f"{prefix}{key}"
        node, known = (OmegaConf.select(c, key, throw_on_missing=False) for c in (cfg, declared))
        if key not in declared.keys():  # noqa: SIM118  (`in` denies keys without a value)
            # A whole new callback or logger is not a typo: it says what it is.
            if not (prefix and isinstance(node, DictConfig) and node.get("_target_")):
                yield path
            continue
        if isinstance(node, DictConfig) and isinstance(known, DictConfig):
            yield from _unknown(node, known, f"{path}.")


def _keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in node:
        yield f"{prefix}{key}"
        child = OmegaConf.select(node, key, throw_on_missing=False)
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{prefix}{key}.")


def _lookup(values: dict, key: str) -> tuple[Any, bool]:
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return None, False
        values = values[part]
    return values, True


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

"""Is this config one that can run? Answered before torch loads, naming the key."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from esc50.config.choices import CONF, describe_refusal, renamed
from esc50.config.schema.fitted import FITTED, check_fitted
from esc50.config.schema.parts import check_choosing, check_parts
from esc50.config.schema.sections import (
    VALIDATED,
    DataSettings,
    ModelSettings,
    ModelUse,
    RunSettings,
    TrainerSettings,
    TrialSettings,
)
from esc50.config.targets import named_settings
from esc50.errors import UserError

GROUPS = """data split features augment model optimizer scheduler trainer callbacks logger
    trial""".split()
TYPED = ("data", "split", "features", "augment")
RECIPES = ("experiment", "sweep", "debug")  # groups that set keys of the others, and own none


def check(cfg: DictConfig) -> None:
    """Refuse a config with an unknown key or an invalid value, before torch loads.

    Raises:
        UserError: naming the first key that is wrong and what it may be.
    """
    _check_keys(cfg)
    try:
        values: Any = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(describe_refusal(error)) from None
    run = RunSettings.parse("", {key: values[key] for key in values if key not in GROUPS})
    TrainerSettings.parse("trainer", values["trainer"])
    check_parts(values)
    _check_model(values)
    TrialSettings.parse("trial", values["trial"])
    DataSettings.of(values["data"])
    _check_settings("data", DataSettings.without(values["data"]))
    _check_settings("split", values["split"])
    features, augment = (_check_settings(name, values[name]) for name in ("features", "augment"))
    if hasattr(features, "title") and hasattr(augment, "check_features"):
        augment.check_features(features)
    if run.class_weights and values["data"].get("sampler"):
        raise UserError(
            f"class_weights={run.class_weights} and data.sampler={values['data']['sampler']} would "
            "balance the classes twice: set one of them to null"
        )
    _check_teachers(run)
    check_monitor(run.monitor)
    _check_callback_monitors(values["callbacks"])
    _check_validations(values)
    check_choosing(values, validates=values["split"].get("protocol") != "literature")
    _check_devices(values["trainer"], run.batch_size)


def _check_model(values: dict[str, Any]) -> None:
    target = str(values["model"].get("_target_"))
    if target in FITTED:
        FITTED[target].parse("model", values["model"])
        check_fitted(values)
    elif target.startswith("esc50."):
        ModelSettings.parse("model", values["model"])
        if not values["optimizer"]:
            raise UserError(
                "optimizer=none leaves a network as it is: choose adam, adamw or sgd, or a model "
                "that is fitted to all clips at once (model=random_forest, model=svm)"
            )
    else:
        use = ModelUse.model_fields.keys() & values["model"].keys()
        ModelUse.parse("model", {key: values["model"][key] for key in use})


def _check_teachers(run: RunSettings) -> None:
    if run.teacher_weight is not None and run.teachers is None:
        raise UserError(
            f"teacher_weight={run.teacher_weight} counts for nothing without teachers: name some "
            "(teachers=[...]), or leave it out"
        )
    for path in run.teachers or ():
        if not Path(path).exists():
            raise UserError(
                f"teachers: there is no {path}: name checkpoints, folders of finished runs "
                "(outputs/RECIPE/seed1/fold1) or of cross-validations (outputs/RECIPE/seed1)"
            )


def check_monitor(monitor: str, key: str = "monitor") -> None:
    """Refuse to choose by what validation does not measure, the test clips first of all.

    Args:
        monitor: a metric's name.
        key: the setting that names it.

    Raises:
        UserError: saying what can be chosen by.
    """
    if monitor.startswith("test/"):
        raise UserError(
            f"{key}={monitor} chooses by the test clips, which makes their result worthless: "
            "name a val/ metric"
        )
    if monitor not in VALIDATED:
        raise UserError(
            f"{key}={monitor} is not measured on validation clips: choose one of "
            f"{', '.join(VALIDATED)}"
        )


def _check_callback_monitors(callbacks: dict[str, Any]) -> None:
    for name, callback in callbacks.items():
        monitor = str((callback or {}).get("monitor") or "")
        # Callbacks of others may go by metrics that they log themselves.
        own = monitor and str(callback.get("_target_")).startswith("esc50.")
        if own or monitor.startswith("test/"):
            check_monitor(monitor, f"callbacks.{name}.monitor")


def _check_validations(values: dict[str, Any]) -> None:
    every, epochs = (values["trainer"][k] for k in ("check_val_every_n_epoch", "max_epochs"))
    if every > epochs and values["split"].get("protocol") != "literature":
        raise UserError(
            f"trainer.check_val_every_n_epoch={every} never validates in trainer.max_epochs="
            f"{epochs}, so that no epoch can be chosen: set it to {epochs} at the most"
        )


def _check_settings(name: str, section: dict[str, Any]) -> Any:
    """Read a section by the settings that its `_target_` names; other targets are checked later.

    Only targets of this package are imported here: a user's own may well load torch.
    """
    settings = named_settings(name, section)
    if settings is None:
        return None
    for key in section.keys() - settings.model_fields.keys() - {"_target_"}:
        if hint := _taken_from_recipe(f"{name}.{key}"):
            raise UserError(f"{name}.{key} is not a setting: {hint}")
    return settings.parse(name, section)


def _taken_from_recipe(key: str) -> str | None:
    """Say how to leave out a key that nobody typed: a recipe set it for another choice of group."""
    choices = HydraConfig.get().runtime.choices
    recipes = [f"+{name}={choices[name]}" for name in RECIPES if choices.get(name)]
    typed = {override.key_or_group for override in _overrides()}
    if not recipes or key in typed:
        return None
    group = key.partition(".")[0]
    choice = f"{group}={choices.get(group)}"
    return f"{' '.join(recipes)} sets it, and {choice} has no such one: take it out with ~{key}"


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
    added = {o.key_or_group for o in _overrides() if o.is_add() or o.is_force_add()}
    choices = [
        f"{group}={choice}"
        for group, choice in hydra.runtime.choices.items()
        if not group.startswith("hydra/") and group not in RECIPES and "/" not in group
    ]
    if hydra.searchpath:  # where configs of one's own lie
        choices.append(f"hydra.searchpath={list(hydra.searchpath)}")
    declared = _compose(choices)
    for key in map(str, declared):
        if key not in cfg.keys():  # noqa: SIM118  (`in` denies keys without a value)
            raise UserError(
                f"~{key} leaves out what every run needs: instead, set what is in it to null "
                "(logger.tensorboard=null) or choose another"
            )
    for key in _unknown(cfg, declared):
        if sentence := renamed(key):
            raise UserError(sentence)
        if key.partition(".")[0] in TYPED:  # what reads the section knows its keys
            continue
        section = OmegaConf.select(declared, key.rpartition(".")[0]) or {}
        builds = "." in key and section.get("_target_")
        if not (builds and any(f"{key}.".startswith(f"{name}.") for name in added)):
            siblings = [k for k in _keys(declared) if k.count(".") == key.count(".")]
            close = difflib.get_close_matches(key, siblings, n=1)
            hint = f"an argument is added with +{key}=..." if builds else "nothing would read it"
            hint = _taken_from_recipe(key) or hint
            hint = f"did you mean {close[0]}?" if close and key not in added else hint
            raise UserError(f"{key} is not a setting: {hint}")


def _overrides() -> list[Override]:
    return OverridesParser.create().parse_overrides(list(HydraConfig.get().overrides.task))


def _compose(choices: list[str]) -> DictConfig:
    if GlobalHydra.instance().is_initialized():
        return compose("train", overrides=choices)
    # A launcher's worker process: it was handed a composed config.
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("train", overrides=choices)


def _unknown(cfg: DictConfig, declared: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in map(str, cfg):
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
    for key in map(str, node):
        yield f"{prefix}{key}"
        child = OmegaConf.select(node, key, throw_on_missing=False)
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{prefix}{key}.")

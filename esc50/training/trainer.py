"""Builds the Lightning Trainer that a config describes, with its callbacks and loggers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from esc50.config.schema.parts import NO_CHECKPOINT, check_choosing
from esc50.config.targets import build, check_target, refusals
from esc50.errors import UserError
from esc50.training.callbacks import DivergenceCheck, EpochSeed
from esc50.training.records.history import History
from esc50.training.records.profile import ProfileReport
from esc50.training.resume.checkpoints import AtomicCheckpointIO


def check_trainer(plain: Mapping[str, Any]) -> None:
    """Refuse trainer, callbacks or loggers whose arguments do not fit, before data is read."""
    check_target("trainer", plain["trainer"], {})
    accelerator = plain["trainer"]["accelerator"]
    there = {"gpu": torch.cuda.is_available() or torch.backends.mps.is_available()}
    there |= {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(accelerator, True):
        raise UserError(
            f"trainer.accelerator={accelerator} finds none on this machine: use auto or cpu"
        )
    for group in ("callbacks", "logger"):
        for name, entry in plain[group].items():
            if entry:
                check_target(f"{group}.{name}", entry, {"dirpath": None, "save_dir": None})


def build_trainer(
    plain: Mapping[str, Any],
    folder: Path,
    world: int,
    *,
    validates: bool,
    leaky: bool,
    goes_on: bool,
    meters: Sequence[pl.Callback],
) -> tuple[pl.Trainer, pl.callbacks.ModelCheckpoint]:
    """Build the trainer of a run.

    Args:
        plain: the config in plain dictionaries, `trainer.precision` resolved.
        folder: the run's, for checkpoints and logs.
        world: how many processes the run has.
        validates: whether there are validation clips; without, nothing is chosen.
        leaky: whether its split leaks, which its curves then say.
        goes_on: whether a checkpoint is gone on from.
        meters: measure what the training takes.

    Returns:
        The trainer, and the checkpoint callback whose file is tested: the best, or the last.
    """
    check_choosing(plain, validates)  # some splits have validation clips only if the data say so
    loggers = _loggers(plain["logger"], folder, goes_on=goes_on, leaky=leaky)
    callbacks = _callbacks(plain["callbacks"], folder / "checkpoints", validates)
    if not loggers:  # Lightning's refuses to watch what nothing writes down
        watches = pl.callbacks.LearningRateMonitor
        callbacks = {name: one for name, one in callbacks.items() if not isinstance(one, watches)}
    settings = plain["trainer"] | {"devices": world, "strategy": "ddp" if world > 1 else "auto"}
    if not settings["enable_progress_bar"]:
        callbacks.pop("progress", None)
    bar = isinstance(callbacks.get("progress"), pl.callbacks.ProgressBar)
    settings["enable_progress_bar"] = bar
    report = [ProfileReport(folder)] if settings.get("profiler") else []
    given = {
        "callbacks": [
            *meters,
            EpochSeed(plain["seed"]),
            DivergenceCheck(),
            *callbacks.values(),
            History(folder),
            *report,
        ],
        "logger": loggers or False,
        # A run's processes are its own affair: else a scheduler's variables would say who is who.
        "plugins": [AtomicCheckpointIO(), LightningEnvironment()],
        "use_distributed_sampler": False,  # the data module shares the batches out
        "default_root_dir": str(folder),
    }
    trainer: pl.Trainer = _build("trainer", settings, given)
    keeper = callbacks.get("best", callbacks.get("last"))
    if not isinstance(keeper, pl.callbacks.ModelCheckpoint):
        raise UserError(NO_CHECKPOINT)
    return trainer, keeper


def check_test(plain: Mapping[str, Any], n_test: int) -> None:
    """Refuse, before training, to test a part of the `n_test` test items that is no batch."""
    limit, batches = plain["trainer"]["limit_test_batches"], -(-n_test // plain["batch_size"])
    if isinstance(limit, float) and int(limit * batches) == 0:
        raise UserError(
            f"trainer.limit_test_batches={limit} is less than one of {batches} test batches: set a "
            "larger part, or how many"
        )


def _build(section: str, values: Mapping[str, Any], given: Mapping[str, Any] | None) -> Any:
    with refusals(section, values, MisconfigurationException):
        return build(section, values, given)


def _callbacks(
    section: Mapping[str, Any], checkpoints: Path, validates: bool
) -> dict[str, pl.Callback]:
    entries = {name: entry for name, entry in section.items() if entry}
    if not validates:
        # Nothing may be chosen: the last epoch is the result, and there is no metric to watch.
        entries = {name: entry for name, entry in entries.items() if not entry.get("monitor")}
    given = {"best": {"dirpath": str(checkpoints)}, "last": {"dirpath": str(checkpoints)}}
    return {
        name: _build(f"callbacks.{name}", entry, given.get(name)) for name, entry in entries.items()
    }


def _loggers(section: Mapping[str, Any], folder: Path, **known: bool) -> list[pl.loggers.Logger]:
    """Build the loggers; those that name no place of their own write into the run's folder.

    They are told what is `known` of the run where they take it.
    """
    loggers = []
    for name, entry in section.items():
        if entry:
            values = {k: v for k, v in entry.items() if not (k == "save_dir" and v is None)}
            given = {"save_dir": str(folder), **known}
            loggers.append(_build(f"logger.{name}", values, given))
    return loggers


def device_name(trainer: pl.Trainer) -> str:
    """Name what the trainer computes on."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name

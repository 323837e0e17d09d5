"""Which checkpoints a run can go on from: those of the same run, made longer; what that takes."""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from esc50.atomic import atomic_write
from esc50.config.signature import effective
from esc50.errors import CheckpointError, UserError
from esc50.results.run_folder import is_finished
from esc50.training.resume.checkpoints import read_checkpoint

START_ANEW = "continue it with its own, or train anew from its weights with model.weights={}"

# What a checkpoint holds of training, the weights beside an average among it.
FOR_TRAINING = """optimizer_states lr_schedulers callbacks current_model_state
    averaging_state""".split()


def holds_training(checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether a checkpoint holds more than weights, so that training can go on from it."""
    return "optimizer_states" in checkpoint


def drop_optimizers(folder: Path, callbacks: Mapping[str, Any]) -> None:
    """Take out of a finished run's checkpoints what only going on with training needs.

    That is two thirds of a file; weights, classes, features and config stay.

    Args:
        folder: the checkpoints'.
        callbacks: the config's, whose `last` says whether to.
    """
    if (callbacks.get("last") or {}).get("keep_optimizer", True):
        return
    for path in sorted(folder.glob("*.ckpt")):
        checkpoint = read_checkpoint(path)
        kept = {key: value for key, value in checkpoint.items() if key not in FOR_TRAINING}
        if kept.keys() < checkpoint.keys():
            with atomic_write(path, "wb") as file:
                torch.save(kept, file)


def last_checkpoint(folder: Path) -> Path:
    """Name the checkpoint that a run in `folder` goes on from, when it was cut off."""
    return folder / "checkpoints" / "last.ckpt"


def how_it_goes_on(folder: Path, rerun: bool) -> str:
    """Say what the same command, but for `rerun`, does with a run that was stopped in `folder`."""
    again = "the same command without rerun=true" if rerun else "the same command"
    if is_finished(folder):
        return f"{again} enters {folder}, which is done, into the ledger"
    if (last := last_checkpoint(folder)).is_file():
        return f"{again} goes on from {last}"
    return f"{again} starts anew in {folder}, which holds no checkpoint yet"


def fit(
    trainer: pl.Trainer,
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    start: Path | None,
    clock: pl.callbacks.Timer,
) -> None:
    """Train, timed by `clock`, from a checkpoint or from the beginning.

    Raises:
        CheckpointError: whatever Lightning, the network or an optimiser finds wrong with `start`.
    """
    try:
        trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
    except Exception as error:
        if isinstance(error, MisconfigurationException):
            raise UserError(f"training cannot begin with these settings: {error}") from None
        if "more than 1 value per channel" in str(error):
            raise UserError(
                "a training batch holds one clip, of which batch norm can learn nothing at this "
                "size of picture: train on at least two, with batch_size=2 or more"
            ) from None
        if (at := str(error).find(" does not have a deterministic implementation")) > 0:
            raise UserError(
                f"training this network takes {str(error)[:at]}, which on this device has no way "
                "that always gives the same digits: set trainer.deterministic=warn, or choose "
                "another network"
            ) from None
        restored = clock.start_time("train") is not None
        if start is None or restored or isinstance(error, UserError):
            raise
        what = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise CheckpointError(f"{start} cannot be gone on from ({what[0].strip()})") from error


def bring_best(start: Path | None, checkpoints: Path) -> None:
    """Copy the best epoch so far from beside `start`: in the longer run it may stay the best."""
    if start is not None and start.parent != checkpoints:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if (best := start.with_name("best.ckpt")).is_file():
            shutil.copy(best, checkpoints)


def check_checkpoint(path: Path, plain: Mapping[str, Any], digest: str, classes: list[str]) -> None:
    """Refuse a checkpoint that this run cannot go on from, as the same run made longer.

    Args:
        path: the checkpoint.
        plain: the run's config in plain dictionaries.
        digest: of the run's data.
        classes: of the run's data.

    Raises:
        CheckpointError: it is absent, damaged, or a part of its state is.
        UserError: it is of other classes, data, fold or settings, holds weights alone, or leaves
            nothing to train.
    """
    checkpoint = read_checkpoint(path)
    try:
        _check_same(path, checkpoint["esc50"], plain, digest, classes)
        _check_unfinished(path, checkpoint, plain["trainer"]["max_epochs"])
        _check_complete(path, checkpoint)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} was written by another version of this package, or holds only a part "
            f"({type(error).__name__}: {error}): {START_ANEW.format(path)}"
        ) from None


def _check_same(
    path: Path,
    specification: Mapping[str, Any],
    plain: Mapping[str, Any],
    digest: str,
    classes: list[str],
) -> None:
    """Refuse a checkpoint of other classes, clips or settings."""
    theirs = list(specification["classes"])
    if theirs != classes:
        raise UserError(
            f"{path} was trained on {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data "
            f"has {len(classes)} ({', '.join(classes[:3])}, ...): continue it with its own data"
        )
    if specification["data_digest"] != digest:
        raise UserError(
            f"{path} was trained on other clips than the data set of this run holds: "
            f"{START_ANEW.format(path)}"
        )
    _check_settings(path, specification["config"], plain)


def _check_settings(path: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Refuse settings that going on would leave without effect, or that make another split."""
    flat = [_flatten({**effective(plain), "seed": plain["seed"]}) for plain in (theirs, ours)]
    for plain, flattened in zip((theirs, ours), flat, strict=True):
        flattened["split.fold"] = plain["split"]["fold"]
    same_length = flat[0].pop("trainer.max_epochs") == flat[1].pop("trainer.max_epochs")
    for key in sorted(flat[0].keys() | flat[1].keys()):
        before, now = (one.get(key) for one in flat)
        if before != now:
            raise UserError(
                f"{key}={_show(now)} is not what ckpt_path={path} was trained with "
                f"({key}={_show(before)}), and going on would not change that: "
                f"{START_ANEW.format(path)}"
            )
    planned = "total_steps" in ours["scheduler"] and ours["scheduler"]["total_steps"] is None
    if not same_length and planned:
        raise UserError(
            f"trainer.max_epochs={ours['trainer']['max_epochs']} cannot lengthen ckpt_path={path}, "
            f"whose learning rate was planned for {theirs['trainer']['max_epochs']} epochs: "
            f"{START_ANEW.format(path)}"
        )


def _check_unfinished(path: Path, checkpoint: Mapping[str, Any], epochs: int) -> None:
    if not holds_training(checkpoint):
        raise UserError(
            f"{path} holds weights alone, which cannot be trained on: a finished run can be made "
            "longer if its last.ckpt was kept whole by callbacks.last.keep_optimizer=true; "
            f"or train anew from its weights with {shlex.quote(f'model.weights={path}')}"
        )
    done = checkpoint["epoch"] + 1
    if done >= epochs:
        raise UserError(
            f"ckpt_path={path} has {done} epochs behind it, and trainer.max_epochs={epochs} leaves "
            "none to train: set more"
        )
    states = checkpoint["callbacks"].values()
    stopping = [state for state in states if "wait_count" in state]
    if any(state["wait_count"] >= max(state["patience"], 1) for state in stopping):
        raise UserError(
            f"ckpt_path={path} was stopped early, and would stop at once again: "
            f"{START_ANEW.format(path)}"
        )


def _check_complete(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Refuse a state that Lightning would take as it is, and train on from less than was there."""
    scheduled = bool(checkpoint["esc50"]["config"]["scheduler"])
    for key, expected in (("optimizer_states", 1), ("lr_schedulers", int(scheduled))):
        if len(checkpoint[key]) != expected:
            raise CheckpointError(
                f"{path} holds {len(checkpoint[key])} {key} where its config has {expected}: "
                f"{START_ANEW.format(path)}"
            )
    _ = checkpoint["state_dict"], checkpoint["loops"]["fit_loop"]


def _flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        inner = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

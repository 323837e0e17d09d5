"""Which checkpoints a run can go on from: those of the same run, made longer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from esc50.config.signature import effective
from esc50.errors import UserError
from esc50.results.run_folder import is_finished
from esc50.training.checkpoints import read_specification

START_ANEW = "continue it with its own, or train anew from its weights with model.weights={}"


def last_checkpoint(folder: Path) -> Path:
    """Name the checkpoint that a run in `folder` goes on from, when it was cut off."""
    return folder / "checkpoints" / "last.ckpt"


def how_it_goes_on(folder: Path) -> str:
    """Say what running a run again does that was stopped in `folder`, after "the same command"."""
    if is_finished(folder):
        return f"enters {folder}, which is done, into the ledger"
    if (last := last_checkpoint(folder)).is_file():
        return f"goes on from {last}"
    return f"starts anew in {folder}, which holds no checkpoint yet"


def check_checkpoint(path: Path, plain: Mapping[str, Any], digest: str, classes: list[str]) -> None:
    """Refuse a checkpoint that this run cannot go on from, as the same run made longer.

    Args:
        path: the checkpoint.
        plain: the run's config in plain dictionaries.
        digest: of the run's data.
        classes: of the run's data.

    Raises:
        UserError: it is absent, damaged, of other classes, data, fold or settings, holds weights
            alone, or leaves nothing to train.
    """
    if not path.is_file():
        raise UserError(
            f"there is no checkpoint at {path}: give ckpt_path a file, or null to start afresh"
        )
    specification = read_specification(path)
    if specification is None:
        raise UserError(f"{path} is not a checkpoint of this package, or is damaged")
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
    _check_unfinished(path, plain["trainer"]["max_epochs"])


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


def _check_unfinished(path: Path, epochs: int) -> None:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if "optimizer_states" not in checkpoint:
        raise UserError(f"{path} holds weights alone, which cannot be trained on: use last.ckpt")
    done = checkpoint["epoch"] + 1
    if done >= epochs:
        raise UserError(
            f"ckpt_path={path} has {done} epochs behind it, and trainer.max_epochs={epochs} leaves "
            "none to train: set more"
        )
    states = checkpoint["callbacks"].values()
    if any(0 < state.get("patience", 0) <= state.get("wait_count", 0) for state in states):
        raise UserError(
            f"ckpt_path={path} was stopped early, and would stop at once again: "
            f"{START_ANEW.format(path)}"
        )


def _flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        inner = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

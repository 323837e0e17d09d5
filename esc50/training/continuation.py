"""Which checkpoints a run can go on from: those of the same run, made longer; what that takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from esc50.atomic import atomic_write
from esc50.config.signature import effective
from esc50.errors import UserError
from esc50.training.checkpoints import read_specification

START_ANEW = "continue it with its own, or train anew from its weights with model.weights={}"

# What a checkpoint holds of training, the weights beside an average among it.
FOR_TRAINING = """optimizer_states lr_schedulers callbacks current_model_state
    averaging_state""".split()


def read_resumable(path: Path) -> dict[str, Any]:
    """Read whose run a checkpoint is of; {} where its training cannot go on from it."""
    specification = read_specification(path)
    return specification if specification and _holds_optimizer(path) else {}


def _holds_optimizer(path: Path) -> bool:
    return "optimizer_states" in torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def drop_optimizers(folder: Path, last: Mapping[str, Any] | None) -> None:
    """Take out of a finished run's checkpoints what only going on with training needs.

    That is two thirds of a file; weights, classes, features and config stay.

    Args:
        folder: the checkpoints'.
        last: the config's callbacks.last, which says whether to.
    """
    if (last or {}).get("keep_optimizer", True):
        return
    for path in sorted(folder.glob("*.ckpt")):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        kept = {key: value for key, value in checkpoint.items() if key not in FOR_TRAINING}
        if kept.keys() < checkpoint.keys():
            with atomic_write(path, "wb") as file:
                torch.save(kept, file)


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
        raise UserError(
            f"{path} holds weights alone, which cannot be trained on: a finished run can be made "
            "longer if its last.ckpt was kept whole by callbacks.last.keep_optimizer=true; "
            f"or train anew from its weights with model.weights={path}"
        )
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

"""Checkpoints: written whole, loaded without running anything, enough to predict alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from esc50.atomic import atomic_write
from esc50.config.signature import content, effective
from esc50.data.audit import Seen
from esc50.errors import UserError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it in, so a cut-off one is never read."""

    def save_checkpoint(self, checkpoint: dict, path: str, storage_options: Any = None) -> None:
        """Write one checkpoint."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Left by a process that was killed, large, and never another's: a run has its folder alone.
        for left in path.parent.glob(f"{path.name}.part*"):
            left.unlink()
        with atomic_write(path, "wb") as file:
            torch.save(checkpoint, file)


def read_specification(path: Path) -> dict[str, Any] | None:
    """Read what `Classifier.on_save_checkpoint` put there; None where that cannot be had."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return dict(checkpoint["esc50"])
    except Exception:  # torch.load raises many kinds for files that are not its own
        return None


@dataclass(frozen=True)
class Origin:
    """Where the weights come from that a training starts with."""

    name: str | None = None  # the run of this package that made them, and its file's digest
    pretrained_on: str | None = None  # other data that they have seen
    seen: Seen = field(default_factory=Seen)  # clips that they have seen


def origin(ckpt_path: str | None, weights: str | None) -> Origin:
    """Find out where a run's starting weights come from.

    Args:
        ckpt_path: the config's; "last" is the run's own, and so no origin.
        weights: the config's model.weights.
    """
    if ckpt_path not in (None, "last"):
        weights = ckpt_path
    if weights in (None, "imagenet"):
        return Origin(pretrained_on=weights and "ImageNet")
    specification = read_specification(Path(weights))
    digest = content(weights)
    if specification is None:
        return Origin(pretrained_on=f"unknown: {Path(weights).name} ({digest})")
    run = [specification.get(key, "?") for key in ("experiment", "signature", "seed", "fold")]
    seen = specification.get("seen") or {}
    return Origin(
        "{}-{}/seed{}/fold{}".format(*run) + f" ({digest})",
        specification.get("pretrained_on"),
        Seen(frozenset(seen.get("trained", ())), frozenset(seen.get("chosen", ()))),
    )


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
            f"{path} was trained on other clips than data.root={plain['data']['root']} holds: "
            f"{_START_FROM.format(path)}"
        )
    _check_settings(path, specification["config"], plain)
    _check_unfinished(path, plain["trainer"]["max_epochs"])


_START_FROM = "continue it with its own, or train anew from its weights with model.weights={}"


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
                f"{_START_FROM.format(path)}"
            )
    if not same_length and "???" in ours["scheduler"].values():
        raise UserError(
            f"trainer.max_epochs={ours['trainer']['max_epochs']} cannot lengthen ckpt_path={path}, "
            f"whose learning rate was planned for {theirs['trainer']['max_epochs']} epochs: "
            f"{_START_FROM.format(path)}"
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
            f"{_START_FROM.format(path)}"
        )


def _flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        inner = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

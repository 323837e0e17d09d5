"""Checkpoints: written whole, loaded without running anything, enough to predict alone."""

import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from esc50.errors import Refusal

FORMAT = 1  # raise it when the meaning of the `esc50` part of a checkpoint changes


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it in, so a cut-off one is never read."""

    def save_checkpoint(self, checkpoint: dict, path: str, storage_options: Any = None) -> None:
        """Write one checkpoint."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


class Specification(pl.Callback):
    """Puts into every checkpoint what it takes to predict with it: classes, features, config."""

    def __init__(self, specification: dict[str, Any]):
        """Take plain dictionaries, lists, strings and numbers."""
        self.specification = {"format": FORMAT, **specification}

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the specification, and this epoch's metrics, under the key `esc50`."""
        metrics = {
            key: value.item()
            for key, value in trainer.callback_metrics.items()
            if key.startswith(("train/", "val/"))
        }
        checkpoint["esc50"] = {**self.specification, "metrics": metrics}


def read_specification(path: Path) -> dict[str, Any] | None:
    """Read what `Specification` put there; None where that cannot be had."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return dict(checkpoint["esc50"])
    except Exception:  # torch.load raises many kinds for files that are not its own
        return None


def check_checkpoint(path: Path, classes: list[str]) -> None:
    """Refuse a checkpoint that training with these classes cannot go on from.

    Raises:
        Refusal: it is absent, damaged, not this package's, or of other classes.
    """
    if not path.is_file():
        raise Refusal(
            f"there is no checkpoint at {path}: give ckpt_path a file, or null to start afresh"
        )
    specification = read_specification(path)
    if specification is None:
        raise Refusal(f"{path} is not a checkpoint of this package, or is damaged")
    theirs = list(specification["classes"])
    if theirs != classes:
        raise Refusal(
            f"{path} was trained on {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data "
            f"has {len(classes)} ({', '.join(classes[:3])}, ...): continue it with its own data"
        )

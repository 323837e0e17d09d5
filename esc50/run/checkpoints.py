"""Checkpoints: written whole, loaded without running anything, enough to predict alone."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from esc50.errors import Refusal
from esc50.whole import whole


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it in, so a cut-off one is never read."""

    def save_checkpoint(self, checkpoint: dict, path: str, storage_options: Any = None) -> None:
        """Write one checkpoint."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Left by a process that was killed, large, and never another's: a run has its folder alone.
        for left in path.parent.glob(f"{path.name}.part*"):
            left.unlink()
        with whole(path, "wb") as file:
            torch.save(checkpoint, file)


def read_specification(path: Path) -> dict[str, Any] | None:
    """Read what `Classifier.on_save_checkpoint` put there; None where that cannot be had."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return dict(checkpoint["esc50"])
    except Exception:  # torch.load raises many kinds for files that are not its own
        return None


def can_continue(path: Path) -> bool:
    """Whether a checkpoint holds the optimiser's state beside the weights."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return "optimizer_states" in checkpoint


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
    if not can_continue(path):
        raise Refusal(f"{path} holds weights alone, which cannot be trained on: use last.ckpt")
    if theirs != classes:
        raise Refusal(
            f"{path} was trained on {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data "
            f"has {len(classes)} ({', '.join(classes[:3])}, ...): continue it with its own data"
        )

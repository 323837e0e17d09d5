"""Checkpoints: written whole or not at all, read without running code; where weights come from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from esc50.atomic import atomic_write
from esc50.config.signature import content
from esc50.data.audit import Seen


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it in, so a cut-off one is never read."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write one checkpoint."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        # Left by a process that was killed, large, and never another's: a run has its folder alone.
        for left in place.parent.glob(f"{place.name}.part*"):
            left.unlink()
        with atomic_write(place, "wb") as file:
            torch.save(checkpoint, file)


def read_specification(path: Path) -> dict[str, Any] | None:
    """Read what `Classifier.on_save_checkpoint` put there; None in other files."""
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

"""Checkpoints: written whole or not at all, read without running code; where weights come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from esc50.atomic import atomic_write, check_archive
from esc50.config.signature import content
from esc50.data.audit import Seen
from esc50.errors import CheckpointError, UserError, causes, refusal
from esc50.model.pretrained.published import published
from esc50.results.labels import joined


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
        try:
            with atomic_write(place, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()  # a full disk may show here first
        except (OSError, RuntimeError) as error:  # torch hides the system's error behind its own
            refused = next((e for e in causes(error) if isinstance(e, OSError)), None)
            if refused is None:
                raise
            elsewhere = refusal(refused, "set output_dir to another disk")
            raise UserError(f"{place} cannot be written {elsewhere}") from None

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read one checkpoint, every byte of it checked."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of this package, every byte of it checked, running nothing.

    Raises:
        CheckpointError: there is none, or it is damaged or something else.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}")
    try:
        check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        assert isinstance(checkpoint["esc50"], dict)
    except Exception:  # torch.load raises many kinds for files that are not its own
        raise CheckpointError(
            f"{path} is not a checkpoint of this package, or is damaged"
        ) from None
    return dict(checkpoint)


def find_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint of this package; None where there is none, or another or a damaged file."""
    try:
        return read_checkpoint(path)
    except CheckpointError:
        return None


@dataclass(frozen=True)
class Origin:
    """What a training knows before it begins: by the weights it starts with, and by teachers."""

    name: str | None = None  # the run of this package that made the weights, its file's digest
    teachers: str | None = None  # the runs that made these, likewise
    pretrained_on: str | None = None  # other data that they have seen
    licence: str | None = None  # of those that were not made here
    seen: Seen = field(default_factory=Seen)  # clips that they have seen


def origin(plain: Mapping[str, Any], teachers: Sequence[Path] = ()) -> Origin:
    """Find out where a run's starting weights come from, and what its teachers have seen.

    Args:
        plain: the config, whose ckpt_path=last is the run's own, and so no origin.
        teachers: their checkpoints.

    Raises:
        CheckpointError: a teacher's is damaged or something else.
    """
    model, weights = plain["model"], plain["model"].get("weights")
    if plain["ckpt_path"] not in (None, "last"):
        weights = plain["ckpt_path"]
    own = Origin() if weights is None else _origin_of_weights(weights, model)
    taught = [_origin_of_run(read_checkpoint(path)["esc50"], str(path)) for path in teachers]
    if not taught:
        return own
    known = [own, *taught]
    return Origin(
        own.name,
        ", ".join(str(one.name) for one in taught),
        joined(one.pretrained_on for one in known),
        joined(one.licence for one in known),
        reduce(or_, (one.seen for one in known)),
    )


def _origin_of_weights(weights: str, model: Mapping[str, Any]) -> Origin:
    checkpoint = find_checkpoint(Path(weights))
    if checkpoint is None:
        known = published(weights)
        seen = model.get("pretrained_on") or known.pretrained_on or _unknown(weights)
        return Origin(pretrained_on=seen, licence=model.get("licence") or known.licence)
    return _origin_of_run(checkpoint["esc50"], weights)


def _origin_of_run(specification: Mapping[str, Any], path: str) -> Origin:
    """Read it from what a checkpoint of this package says of its run."""
    run = [specification.get(key, "?") for key in ("experiment", "signature", "seed", "fold")]
    seen = specification.get("seen") or {}
    return Origin(
        "{}-{}/seed{}/fold{}".format(*run) + f" ({content(path)})",
        specification.get("teachers"),
        specification.get("pretrained_on"),
        specification.get("weights_licence"),
        Seen(frozenset(seen.get("trained", ())), frozenset(seen.get("chosen", ()))),
    )


def _unknown(weights: str) -> str:
    digest = content(weights)
    return (
        f"unknown: {weights}" if digest == weights else f"unknown: {Path(weights).name} ({digest})"
    )

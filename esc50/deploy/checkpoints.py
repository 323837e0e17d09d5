"""Which checkpoints are meant, where they are computed, and when they know no answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from esc50.errors import UserError
from esc50.model.trained import TrainedModel
from esc50.results.run_folder import why_unfinished


def find_checkpoints(path: Path) -> list[Path]:
    """Find the tested checkpoints of a run's folder, or of the runs in a cross-validation's.

    Args:
        path: a checkpoint, which is found as it is; the folder of a run; or the folder of its
            folds, `fold1` to `fold5`.

    Raises:
        UserError: a folder without runs, or a run that is not finished.
    """
    if not path.is_dir():
        return [path]
    runs = [path] if (path / "checkpoints").is_dir() else sorted(path.glob("fold*/"))
    if not runs:
        raise UserError(
            f"{path} is no folder of a run, nor of folds: give a checkpoint, such as best.ckpt"
        )
    for run in runs:
        if why := why_unfinished(run):
            raise UserError(f"{run}: {why}")
    return [_tested(run / "checkpoints") for run in runs]


def _tested(folder: Path) -> Path:
    """The checkpoint that a run tested: the best; the last where nothing was chosen."""
    best = folder / "best.ckpt"
    return best if best.is_file() else folder / "last.ckpt"


def choose_device(name: str) -> torch.device:
    """Turn a device's name into the device; `auto` is a GPU where there is one.

    Raises:
        UserError: there is no such device.
    """
    if name == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(f"there is no device {name} here: cpu is everywhere") from None
    return device


def threshold_of(members: Sequence[TrainedModel]) -> float:
    """Read the threshold for "none of these"; of an ensemble, the mean of its members' ones.

    0 where one of them has none: it was trained without validation clips.
    """
    found = [member.specification.get("threshold") or {} for member in members]
    values = [one.get("probability", 0.0) for one in found]
    return float(np.mean(values)) if all(values) else 0.0

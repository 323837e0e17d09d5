"""Which checkpoints are meant, where they are computed, and when they know no answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from esc50.deploy.prediction import NONE
from esc50.errors import UserError, printable
from esc50.model.trained import TrainedModel
from esc50.results.labels import flags, label
from esc50.results.run_folder import chosen_checkpoint, why_unfinished


def find_checkpoints(path: Path) -> list[Path]:
    """Find the tested checkpoints of a run's folder, or of all runs of a seed or a recipe.

    Args:
        path: a checkpoint, which is found as it is; the folder of a run; that of its folds, `fold1`
            to `fold5`; or that of its seeds, `seed1` and so on, with folds in them.

    Raises:
        UserError: a folder without runs, or a run that is not finished.
    """
    if not path.is_dir():
        return [path]
    runs = [path] if (path / "checkpoints").is_dir() else []
    runs = runs or sorted(path.glob("fold*/")) or sorted(path.glob("seed*/fold*/"))
    if not runs:
        raise UserError(
            f"{path} is no folder of a run, of folds or of seeds: give a checkpoint, "
            "such as best.ckpt"
        )
    for run in runs:
        if why := why_unfinished(run):
            raise UserError(f"{run}: {why}")
    return [chosen_checkpoint(run) for run in runs]


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


def describe(members: Sequence[TrainedModel]) -> str:
    """Name what answers: the recipe, its seed and fold, and what its numbers must be read with."""
    first = members[0].specification
    name = printable(str(first.get("experiment", "a network")), keep="")
    if len(members) == 1:
        name += f", seed {first.get('seed')}, fold {first.get('fold')}"
    else:
        name += f", an ensemble of {len(members)} networks"
    return name + label(flags_of(members))


def flags_of(members: Sequence[TrainedModel]) -> dict[str, bool]:
    """Say whether any member is `leaky` or `synthetic`, which its numbers must be read with."""
    return flags(member.specification for member in members)


def describe_threshold(members: Sequence[TrainedModel]) -> str:
    """Say what the threshold for "none of these" is, and what it is not."""
    threshold = threshold_of(members)
    if not threshold:
        return f"every sound gets an answer: trained without validation, so no threshold for {NONE}"
    chosen = [member.specification["threshold"] for member in members]
    clips = sum(one["clips"] for one in chosen)
    mean = " (the mean of the networks' own)" if len(members) > 1 else ""
    return (
        f"{NONE}: below {threshold:.3f}{mean}, which {chosen[0]['kept']:.0%} of {clips} validation "
        "clips reach; chosen on known classes alone, so how many other sounds it turns away is "
        "not known"
    )

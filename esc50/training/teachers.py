"""Which networks teach a run, and whether they know its classes and its features."""

from collections.abc import Sequence
from pathlib import Path

import torch

from esc50.data.datamodule import ESC50DataModule
from esc50.errors import UserError
from esc50.model.lightning.teachers import Teachers
from esc50.model.trained import TrainedModel, load_trained
from esc50.results.run_folder import chosen_checkpoint, why_unfinished


def find_teachers(paths: Sequence[str] | None, fold: int) -> list[Path]:
    """Find the checkpoints of a run's teachers.

    Args:
        paths: checkpoints; folders of runs; or folders of cross-validations, of which the run of
            `fold` is meant: it has not seen the clips that are tested there.
        fold: that is tested.

    Raises:
        UserError: a folder without such a run, or one that is not finished.
    """
    return [_find_teacher(Path(path), fold) for path in paths or ()]


def _find_teacher(path: Path, fold: int) -> Path:
    if not path.is_dir():
        return path
    run = path if (path / "checkpoints").is_dir() else path / f"fold{fold}"
    if not run.is_dir():
        raise UserError(
            f"teachers: {path} holds no run of fold {fold}: name the folder of a run "
            "(outputs/RECIPE/seed1/fold1) or of its folds (outputs/RECIPE/seed1)"
        )
    if why := why_unfinished(run):
        raise UserError(f"teachers: {run}: {why}")
    return chosen_checkpoint(run)


def load_teachers(
    checkpoints: Sequence[Path], weight: float, data: ESC50DataModule, device: str | torch.device
) -> Teachers | None:
    """Load the networks that teach a run; None where there are none.

    Raises:
        UserError: one is of other classes or features than the run.
    """
    networks = [load_trained(path, device) for path in checkpoints]
    for path, network in zip(checkpoints, networks, strict=True):
        _check_alike(path, network, data)
    return Teachers(networks, weight) if networks else None


def _check_alike(path: Path, network: TrainedModel, data: ESC50DataModule) -> None:
    classes = list(data.table.classes)
    if (theirs := list(network.classes)) != classes:
        raise UserError(
            f"teachers: {path} knows {len(theirs)} classes ({', '.join(theirs[:3])}, ...), the data"
            f" {len(classes)} ({', '.join(classes[:3])}, ...): a teacher answers for the same ones"
        )
    if network.spec != data.spec:
        raise UserError(
            f"teachers: {path} was trained on other features than this run computes: train both on "
            "the same (features=..., features.width=...)"
        )

"""A run's results on disk: predictions.csv, results.json, config.yaml; and finding them again."""

import csv
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from esc50.atomic import atomic_write, atomic_write_text
from esc50.errors import UserError

# What a run leaves in its folder, besides Hydra's own files, which Hydra writes anew.
LEAVINGS = ("config.yaml", "results.json", "predictions.csv", "checkpoints", "summary.json")


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write results.json; its presence says that the run is finished."""
    atomic_write_text(
        folder / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n"
    )


def read_results(folder: Path) -> dict[str, Any] | None:
    """Read a finished run's results; None where there are none."""
    try:
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_predictions(
    path: Path,
    clips: Sequence[str],
    folds: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    class_labels: np.ndarray,
) -> None:
    """Write predictions.csv: clip, fold, target, prediction, probability of each class.

    Target and prediction are the table's own target numbers; probabilities float (clips, classes).
    """
    predicted = class_labels[probabilities.argmax(1)]
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "fold", "target", "prediction", *classes])
        for clip, fold, label, guess, row in zip(
            clips, folds, labels, predicted, probabilities, strict=True
        ):
            writer.writerow([clip, fold, label, guess, *(f"{p:.8g}" for p in row)])


@contextmanager
def sole_use(folder: Path):
    """Keep a run's folder to this process.

    While another process is making this run, it is waited for; then the run is found done.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"another process is making this very run in {folder}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error}): set output_dir or "
            "hydra.run.dir to a folder that can"
        ) from None
    try:
        yield
    finally:
        lock.release()


def keep_aside(folder: Path) -> None:
    """Move what an earlier run left in the folder into previous-1, previous-2, ..."""
    left = [folder / name for name in LEAVINGS if (folder / name).exists()]
    left += folder.glob("events.out.tfevents.*")
    if not left:
        return
    number = 1
    while (folder / f"previous-{number}").exists():
        number += 1
    aside = folder / f"previous-{number}"
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)


def provenance() -> dict[str, Any]:
    """Say which code and which libraries make the numbers: git commit, dirty flag, versions."""
    import pytorch_lightning
    import torch

    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit,
        "git_dirty": bool(changed) if commit else None,
        "torch": torch.__version__,
        "lightning": pytorch_lightning.__version__,
        "python": platform.python_version(),
    }


def _git(*arguments: str) -> str | None:
    here = Path(__file__).parent
    try:
        done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None

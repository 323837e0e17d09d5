"""Finished runs read back from their folders, and their predictions pooled."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from esc50.data.tables.table import ESC50_CLASSES
from esc50.errors import UserError
from esc50.results.cells import unescape_cell
from esc50.results.run_folder import read_results, source_of

FIXED_COLUMNS = ["clip", "fold", "target", "prediction"]  # then one probability per class


@dataclass(frozen=True)
class Run:
    """One finished run: what its results.json and predictions.csv say."""

    folder: Path
    results: dict
    classes: tuple[str, ...]
    clips: np.ndarray  # str (n,)
    labels: np.ndarray  # int64 (n,), the data set's own target numbers
    predicted_labels: np.ndarray  # int64 (n,)
    probabilities: np.ndarray  # float64 (n, classes)
    sources: np.ndarray  # str (n,), the recording that each clip was cut from

    @property
    def seed_and_fold(self) -> tuple[int, Any]:
        """What tells the runs of one recipe apart; the fold is None where all were tested."""
        return self.results["seed"], self.results["fold"]

    @property
    def name(self) -> str:
        """The run's name within its recipe."""
        return run_name(*self.seed_and_fold)


@dataclass(frozen=True)
class PooledPredictions:
    """The predictions of several runs, one row per tested clip; n tests of C classes."""

    classes: tuple[str, ...]
    class_labels: np.ndarray  # int64 (C,), the target number of each class
    clips: np.ndarray  # str (n,)
    sources: np.ndarray  # str (n,)
    targets: np.ndarray  # int64 (n,), index into classes
    predictions: np.ndarray  # int64 (n,), index into classes
    probabilities: np.ndarray  # float64 (n, C)

    @property
    def correct(self) -> np.ndarray:
        """Whether each test was right: bool (n,)."""
        return self.predictions == self.targets


def in_order(seed_and_fold: tuple[int, int | None]) -> tuple[int, int]:
    """Make a key that sorts runs by seed and fold, an evaluation on all folds first."""
    seed, fold = seed_and_fold
    return seed, -1 if fold is None else fold


def run_name(seed: object, fold: object) -> str:
    """Name a run within its recipe."""
    return f"{'all folds' if fold is None else f'fold {fold}'}, seed {seed}"


def read_run(folder: Path) -> Run:
    """Read a finished run folder.

    Raises:
        UserError: the run is not finished, or its predictions.csv is damaged.
    """
    results = read_results(folder)
    path = folder / "predictions.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error):
        raise UserError(f"{path}: is empty or no text; run the fold again") from None
    if header[:4] != FIXED_COLUMNS or len(header) == 4:
        raise UserError(f"{path}: columns must be {', '.join(FIXED_COLUMNS)}, then one per class")
    if not rows:
        raise UserError(f"{path}: holds no tested clip; run the fold again")
    try:
        labels = np.array([(row[2], row[3]) for row in rows], dtype=np.int64)
        probabilities = np.array([row[4:] for row in rows], dtype=np.float64)
    except (ValueError, IndexError, OverflowError):  # the last of a number of twenty digits
        raise UserError(f"{path}: is damaged; run the fold again") from None
    if probabilities.shape[1] != len(header) - 4:
        raise UserError(f"{path}: has rows of another length than its header; run the fold again")
    clips = np.array([unescape_cell(row[0]) for row in rows])
    classes = tuple(map(unescape_cell, header[4:]))
    targets, predicted = labels.T
    sources = _read_sources(folder / "sources.json", clips)
    return Run(folder, results, classes, clips, targets, predicted, probabilities, sources)


def _read_sources(path: Path, clips: np.ndarray) -> np.ndarray:
    """The recording of each clip: as the run wrote it, else as the clip's name tells it."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        return np.array([str(given[clip]) for clip in clips])
    except FileNotFoundError:
        return np.array([source_of(clip) for clip in clips])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path}: is damaged; run the fold again") from None


def pool_predictions(runs: Sequence[Run]) -> PooledPredictions:
    """Put the predictions of runs over the same classes together.

    Raises:
        UserError: the runs' classes differ.
    """
    classes = runs[0].classes
    for run in runs:
        if run.classes != classes:
            raise UserError(f"{run.folder}: its classes are not those of {runs[0].folder}")
    labels = np.concatenate([run.labels for run in runs])
    predicted = np.concatenate([run.predicted_labels for run in runs])
    probabilities = np.concatenate([run.probabilities for run in runs])
    class_labels = _class_labels(classes, labels, predicted, probabilities)
    clips = np.concatenate([run.clips for run in runs])
    return PooledPredictions(
        classes=classes,
        class_labels=class_labels,
        clips=clips,
        sources=np.concatenate([run.sources for run in runs]),
        targets=np.searchsorted(class_labels, labels),
        predictions=np.searchsorted(class_labels, predicted),
        probabilities=probabilities,
    )


def _class_labels(
    classes: tuple[str, ...],
    labels: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
) -> np.ndarray:
    """Find the target number of each class; predictions.csv names classes, in number order.

    A few tested clips may not show all classes. The numbers must hold all that were seen, and
    put each prediction on a class of highest probability.
    """
    seen = np.unique(np.concatenate([labels, predicted]))
    candidates = [seen] if len(seen) == len(classes) else []
    if set(classes) <= set(ESC50_CLASSES):
        candidates.append(np.sort([ESC50_CLASSES.index(name) for name in classes]))
    candidates.append(np.arange(len(classes)))
    for numbers in candidates:
        if not np.isin(seen, numbers).all():
            continue
        columns = np.searchsorted(numbers, predicted)
        chosen = np.take_along_axis(probabilities, columns[:, None], axis=1)[:, 0]
        # Written this way round, a diverged run's NaN passes.
        if not (chosen < probabilities.max(axis=1) - 1e-6).any():
            return numbers
    raise UserError(
        "predictions.csv: its targets and predictions do not fit its class columns; "
        "run the fold again on a data set whose test clips show every class"
    )

"""The confusion matrix as a page shows it, and the tests behind each of its cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esc50.report.names import printable
from esc50.report.run.scores import confusion
from esc50.results.predictions import PooledPredictions


@dataclass(frozen=True)
class Cell:
    """A test in a cell of the matrix."""

    clip: str
    run: str
    confidence: float


@dataclass(frozen=True)
class Grid:
    """The matrix: names of the classes, counts (rows are targets), and their share of the row."""

    classes: list[str]
    counts: list[list[int]]
    shares: list[list[float]]


def grid(tests: PooledPredictions) -> Grid:
    """Count the tests by target and prediction."""
    counts = confusion(tests)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return Grid(list(tests.classes), counts.tolist(), shares.tolist())


def cells(
    tests: PooledPredictions, runs: Sequence[str], sizes: Sequence[int]
) -> dict[str, list[Cell]]:
    """List the tests of each cell that has any, the most confident first, mistakes before hits.

    Args:
        tests: of one or several runs.
        runs: their names.
        sizes: how many tests each has; the rows of `tests` are in this order.

    Returns:
        The tests by "target-prediction", numbers of classes.
    """
    run = np.repeat(np.array(runs, dtype=object), sizes)
    confidence = tests.probabilities.max(1)
    order = sorted(range(len(confidence)), key=lambda t: (tests.correct[t], -confidence[t]))
    found: dict[str, list[Cell]] = {}
    for test in order:
        key = f"{tests.targets[test]}-{tests.predictions[test]}"
        one = Cell(printable(tests.clips[test]), str(run[test]), round(float(confidence[test]), 4))
        found.setdefault(key, []).append(one)
    return found

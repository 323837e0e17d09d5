"""The numbers of a report that a summary lacks: by class, by confidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from esc50.data.tables.table import SUPER_CATEGORIES
from esc50.results.predictions import PooledPredictions
from esc50.results.statistics import BINS, clustered_wilson

LEAST = 5  # tests of a bin of confidence from which on its accuracy says something


def interval(tests: PooledPredictions, right: np.ndarray, chosen: np.ndarray) -> tuple[float, ...]:
    """Give the share of `right` among the tests that are `chosen`, and its 95% interval.

    Args:
        tests: all of them, n.
        right: bool (n,).
        chosen: bool (n,); none: the share is not a number, and the interval is 0 to 1.
    """
    if not chosen.any():
        return np.nan, 0.0, 1.0
    ends = clustered_wilson(right[chosen], tests.clips[chosen], tests.sources[chosen])
    return float(right[chosen].mean()), *ends


def by_class(tests: PooledPredictions) -> list[dict[str, Any]]:
    """Score each class by itself.

    Returns:
        One mapping per class: class (name), n (its tests), and of precision, recall and accuracy
        (one class against the others) the value and its 95% interval, three numbers each; f1.
        Precision is not a number where nothing was taken for the class, recall where it has no
        test.
    """
    from sklearn.metrics import precision_recall_fscore_support

    numbers = range(len(tests.classes))
    _, _, f1, _ = precision_recall_fscore_support(
        tests.targets, tests.predictions, labels=numbers, zero_division=0
    )
    rows = []
    everything = np.ones(len(tests.targets), dtype=bool)
    for number, name in enumerate(tests.classes):
        target, predicted = tests.targets == number, tests.predictions == number
        rows.append(
            {
                "class": name,
                "n": int(target.sum()),
                "precision": interval(tests, target, predicted),
                "recall": interval(tests, predicted, target),
                "accuracy": interval(tests, target == predicted, everything),
                "f1": float(f1[number]),
            }
        )
    return rows


def by_category(tests: PooledPredictions) -> list[dict[str, Any]]:
    """Score ESC-50's super-categories; the classes must be ESC-50's.

    Returns:
        One mapping per category: category (name), n (tests), and acc (class right) and category_acc
        (category right), a value and its 95% interval, three numbers each.
    """
    group = tests.class_labels // 10
    target, predicted = group[tests.targets], group[tests.predictions]
    return [
        {
            "category": name,
            "n": int((target == index).sum()),
            "acc": interval(tests, tests.correct, target == index),
            "category_acc": interval(tests, predicted == index, target == index),
        }
        for index, name in enumerate(SUPER_CATEGORIES)
        if (target == index).any()
    ]


def confusion(tests: PooledPredictions) -> np.ndarray:
    """Count the tests by target (row) and prediction (column): int (C, C)."""
    from sklearn.metrics import confusion_matrix

    labels = range(len(tests.classes))
    return np.asarray(confusion_matrix(tests.targets, tests.predictions, labels=labels))


def most_confused(tests: PooledPredictions, n: int = 10) -> list[tuple[int, int, int]]:
    """List the most frequent mistakes: target, prediction, count; the most frequent first."""
    counts = confusion(tests)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:n]
    pairs = [divmod(int(flat), len(counts)) for flat in order]
    return [(row, column, int(counts[row, column])) for row, column in pairs if counts[row, column]]


@dataclass(frozen=True)
class Bin:
    """The tests whose confidence lies between two values."""

    n: int
    confidence: float  # their mean
    accuracy: float
    low: float  # of the accuracy's 95% interval
    high: float


def reliability(tests: PooledPredictions) -> list[Bin]:
    """Group the tests by confidence in the bins of `calibration_error`; empty ones are left out."""
    confidence = tests.probabilities.max(1)
    bins = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1)
    return [
        Bin(
            int(inside.sum()),
            float(confidence[inside].mean()),
            *interval(tests, tests.correct, inside),
        )
        for number in range(BINS)
        if (inside := bins == number).any()
    ]


def coverage(tests: PooledPredictions) -> Mapping[str, np.ndarray]:
    """Give the accuracy where only the most confident tests are answered.

    Returns:
        coverage (share of the tests answered), accuracy of those, and confidence, the least of
        them: float (m,) each. Tests of equal confidence are answered together.
    """
    confidence = tests.probabilities.max(1)
    order = np.argsort(-confidence, kind="stable")
    right, confidence = np.cumsum(tests.correct[order]), confidence[order]
    last = np.append(np.flatnonzero(np.diff(confidence)), len(order) - 1)
    answered = last + 1
    return {
        "coverage": answered / len(order),
        "accuracy": right[last] / answered,
        "confidence": confidence[last],
    }

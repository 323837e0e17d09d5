"""mistakes.csv: the tested clips that were taken for another class, in words."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from esc50.atomic import atomic_write
from esc50.results.cells import escape_cell

COLUMNS = ("clip", "target", "prediction", "probability", "target_probability")


def write_mistakes(
    path: Path,
    clips: Sequence[str],
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
) -> None:
    """Write one row per wrong clip, its classes by name, the surest mistake first.

    Args:
        path: the file to write.
        clips: the tested clips.
        targets: int (clips,), index into `classes`.
        probabilities: float (clips, classes).
        classes: their names.
    """
    predictions = probabilities.argmax(1)
    sureness = probabilities.max(1)
    wrong = np.flatnonzero(predictions != targets)
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for clip in wrong[np.argsort(-sureness[wrong], kind="stable")]:
            target, prediction = targets[clip], predictions[clip]
            names = [clips[clip], classes[target], classes[prediction]]
            numbers = [sureness[clip], probabilities[clip, target]]
            writer.writerow([*map(escape_cell, names), *(f"{p:.4f}" for p in numbers)])

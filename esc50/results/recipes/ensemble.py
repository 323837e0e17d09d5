"""What the networks of several seeds are worth together: the mean of their probabilities."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from esc50.results.predictions import PooledPredictions, Run, pool_predictions
from esc50.results.statistics import calibration_error, clustered_wilson, log_loss


def ensemble(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Test the mean of each fold's networks on the clips that all of them were tested on.

    Args:
        runs: of one recipe, each seed and fold once.

    Returns:
        How many networks make one, its accuracy over all folds with its 95% interval, log loss and
        calibration error; None where the folds do not have the same number of seeds, two or more,
        or seeds test other clips, which some of the networks may have been trained on.
    """
    folds: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        folds[run.seed_and_fold[1]].append(run)
    sizes = {len(members) for members in folds.values()}
    if len(sizes) > 1 or min(sizes) < 2 or not all(map(_same_clips, folds.values())):
        return None
    means = [_mean(pool_predictions(members), len(members)) for members in folds.values()]
    clips, sources, targets, probabilities = map(np.concatenate, zip(*means, strict=True))
    correct = probabilities.argmax(1) == targets
    return {
        "networks": sizes.pop(),
        "acc": float(correct.mean()),
        "ci95": list(clustered_wilson(correct, clips, sources)),
        "log_loss": log_loss(probabilities, targets),
        "ece": calibration_error(probabilities, correct),
    }


def _same_clips(members: Sequence[Run]) -> bool:
    return len({tuple(sorted(run.clips.tolist())) for run in members}) == 1


def _mean(tests: PooledPredictions, size: int) -> tuple[np.ndarray, ...]:
    """Average the probabilities of each clip: clips, sources, targets, probabilities (n, C)."""
    order = np.argsort(tests.clips, kind="stable")
    first = order[::size]
    probabilities = tests.probabilities[order].reshape(-1, size, len(tests.classes)).mean(1)
    return tests.clips[first], tests.sources[first], tests.targets[first], probabilities

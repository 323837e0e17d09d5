"""The probability below which a network's answer is none of its classes."""

from typing import Any

from torch import Tensor

KEPT = 0.95  # of the validation clips, as the field has it: the true positive rate of "known"


def choose_threshold(probabilities: Tensor) -> dict[str, Any]:
    """Choose the threshold that `KEPT` of the validation clips reach with their best class.

    The highest such probability is taken: the baseline of Hendrycks and Gimpel, "A Baseline for
    Detecting Misclassified and Out-of-Distribution Examples" (2017). All validation clips are of
    known classes, so it says how many of these are kept, not how many other sounds are turned away.

    Args:
        probabilities: float (clips, classes), of all validation clips.

    Returns:
        The probability, what part of the clips it keeps, and how many clips there were.
    """
    best = probabilities.amax(1).sort().values
    index = int((1 - KEPT) * len(best) + 1e-9)
    return {"probability": best[index].item(), "kept": KEPT, "clips": len(best)}

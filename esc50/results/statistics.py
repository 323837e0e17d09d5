"""Estimates from tested clips, with intervals that know clips from one recording are alike."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

BINS = 15


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Give the Wilson (1927) score interval of a share of n independent trials."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def clustered_wilson(
    correct: np.ndarray, clips: Sequence[str], sources: Sequence[str], level: float = 0.95
) -> tuple[float, float]:
    """Interval of an accuracy: Wilson's, on the number of clips that the sources are worth.

    Clips cut from one recording tend to be right or wrong together, so n clips tell less than n
    independent ones. The design effect is the variance of the accuracy between sources over that
    between clips, at least 1; Wilson's interval then takes n / effect clips, as Korn and Graubard
    (Survey Methodology 24, 1998) propose and Dean and Pagano (J. Survey Stat. Methodol. 3, 2015)
    find best for shares near 1. A clip tested several times (several seeds) counts once, by the
    mean of its tests. For clips that are all independent this is Wilson's interval itself.

    Chosen over the cluster bootstrap because near 100% that one is too narrow: with 80 clips at a
    true 99% it covers the truth in half of the trials, and with no error it has no width.

    The interval is for the trained networks at hand on other clips like these. It does not hold
    what other training clips would have changed (Bates, Hastie and Tibshirani, JASA 119, 2024).

    Args:
        correct: bool (n,), whether each test was right.
        clips: (n,), the clip of each test.
        sources: (n,), the recording that the clip was cut from.
        level: the share of such intervals that should hold the truth.

    Returns:
        Lower and upper end, in [0, 1].
    """
    _, first, clip = np.unique(clips, return_index=True, return_inverse=True)
    source = np.unique(np.asarray(sources)[first], return_inverse=True)[1]
    share = float(np.mean(correct))
    error = np.bincount(clip, correct - share)  # by clip, weighted by its tests
    n, m = len(first), int(source.max()) + 1
    between_clips = float((error**2).sum())
    if between_clips < 1e-12:  # all right or all wrong: there is no variance to learn from
        return wilson(share, m, level)
    if m == 1:
        return 0.0, 1.0
    between_sources = float((np.bincount(source, error) ** 2).sum())
    effect = (between_sources * m / (m - 1)) / (between_clips * n / (n - 1))
    # Means of several tests vary less than single tests do: 1 when each clip is tested once.
    steadiness = n * share * (1 - share) / (between_clips * (n / len(correct)) ** 2)
    return wilson(share, n * steadiness / max(effect, 1.0), level)


def f1_macro(confusion: np.ndarray) -> float:
    """Mean F1 over the classes that occur among targets or predictions.

    Args:
        confusion: counts (C, C), rows are targets.
    """
    hits, both = np.diag(confusion), confusion.sum(0) + confusion.sum(1)
    present = both > 0
    return float((2 * hits[present] / both[present]).mean())


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Mean negative log probability of the target class, in nats; (n, C) and (n,)."""
    given = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.clip(given, np.finfo(float).eps, 1)).mean())


def calibration_error(probabilities: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error in 15 equal bins (Guo et al., ICML 2017).

    The mean over the tests of |accuracy - mean confidence| in the test's bin of confidence; bins
    hold their upper end.
    """
    confidence = probabilities.max(1)
    if np.isnan(confidence).any():  # a diverged run
        return math.nan
    bins = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(int)
    gaps = np.bincount(bins, correct - confidence, BINS)
    return float(np.abs(gaps).sum() / len(correct))

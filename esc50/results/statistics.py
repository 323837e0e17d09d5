"""Statistics of tested clips, with intervals that know clips from one recording are alike."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

BINS = 15
Names = Sequence[str] | np.ndarray


def wilson(proportion: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Give the Wilson (1927) score interval of a proportion of n independent trials."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (proportion + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(proportion * (1 - proportion) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def clustered_wilson(
    correct: np.ndarray, clips: Names, sources: Names, level: float = 0.95
) -> tuple[float, float]:
    """Give an accuracy's interval: Wilson's, on the number of clips that the sources are worth.

    Clips cut from one recording tend to be right or wrong together, so n clips tell less than n
    independent ones. The design effect is the variance of the accuracy between sources over that
    between clips, at least 1; Wilson's interval then takes n / effect clips, fewer still where few
    sources tell little of the effect: times the squared ratio of Student's t quantiles for n clips
    and for the sources, as Korn and Graubard (Survey Methodology 24, 1998) propose and Dean and
    Pagano (J. Survey Stat. Methodol. 3, 2015) find best for proportions near 1. A clip tested
    several times (several seeds) counts once, by the mean of its tests. For clips that are all
    independent this is Wilson's interval itself.

    Chosen over the cluster bootstrap because near 100% that one is too narrow: with 80 clips at a
    true 99% it covers the truth in half of the trials, and with no error it has no width.

    The interval is for the trained networks at hand on other clips like these. It does not hold
    what other training clips would have changed (Bates, Hastie and Tibshirani, JASA 119, 2024).

    Args:
        correct: bool (n,), whether each test was right.
        clips: (n,), the clip of each test.
        sources: (n,), the recording that the clip was cut from.
        level: the proportion of such intervals that should hold the truth.

    Returns:
        Lower and upper end, in [0, 1].
    """
    _, first, clip = np.unique(clips, return_index=True, return_inverse=True)
    source = np.unique(np.asarray(sources)[first], return_inverse=True)[1]
    accuracy = float(np.mean(correct))
    error = np.bincount(clip, correct - accuracy)  # by clip, weighted by its tests
    n, m = len(first), int(source.max()) + 1
    between_clips = float((error**2).sum())
    if between_clips < 1e-12:  # all right or all wrong: there is no variance to learn from
        return wilson(accuracy, m, level)
    if m == 1:
        return 0.0, 1.0
    between_sources = float((np.bincount(source, error) ** 2).sum())
    effect = (between_sources * m / (m - 1)) / (between_clips * n / (n - 1))
    # Means of several tests vary less than single tests do: 1 when each clip is tested once.
    steadiness = n * accuracy * (1 - accuracy) / (between_clips * (n / len(correct)) ** 2)
    few_sources = _t_quantile(n - 1, level) / _t_quantile(m - 1, level)
    return wilson(accuracy, n * steadiness / max(effect, 1.0) * few_sources**2, level)


def _t_quantile(degrees: int, level: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, degrees))


def describe_accuracy(
    labels: np.ndarray, predicted: np.ndarray, clips: Names, sources: Names
) -> dict[str, float]:
    """Say how far a tested accuracy may be off, and what one gets without listening.

    Args:
        labels: int (n,), of each test.
        predicted: int (n,).
        clips: (n,), the clip of each test.
        sources: (n,), the recording that the clip was cut from.

    Returns:
        As results.json has them: the ends of the 95% interval (see `clustered_wilson`), the
        accuracy of naming the commonest class always, and the number of recordings.
    """
    low, high = clustered_wilson(labels == predicted, clips, sources)
    commonest = np.unique(labels, return_counts=True)[1].max()
    return {
        "test/acc_ci95_low": low,
        "test/acc_ci95_high": high,
        "test/acc_chance": float(commonest / len(labels)),
        "n_test_recordings": len(set(sources)),
    }


def f1_macro(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Average F1 over the classes that occur among targets or predictions; both int (n,)."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, predictions, average="macro", zero_division=0))


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Average the negative log probability of the target class, in nats.

    Args:
        probabilities: float (n, C); not a number where a run diverged, and then so is the loss.
        targets: int (n,), columns of `probabilities`.
    """
    from sklearn import metrics

    if not np.isfinite(probabilities).all():
        return math.nan
    # Written with eight digits, a row's sum is not quite 1, of which scikit-learn would warn.
    normed = probabilities / probabilities.sum(1, keepdims=True)
    return float(metrics.log_loss(targets, normed, labels=np.arange(normed.shape[1])))


def calibration_error(probabilities: np.ndarray, correct: np.ndarray) -> float:
    """Give the expected calibration error in 15 equal bins (Guo et al., ICML 2017).

    The mean over the tests of |accuracy - mean confidence| in the test's bin of confidence; bins
    hold their upper end.
    """
    confidence = probabilities.max(1)
    if np.isnan(confidence).any():  # a diverged run
        return math.nan
    bins = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(int)
    gaps = np.bincount(bins, correct - confidence, BINS)
    return float(np.abs(gaps).sum() / len(correct))

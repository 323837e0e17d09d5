import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from esc50.results.statistics import (
    calibration_error,
    clustered_wilson,
    f1_macro,
    log_loss,
    wilson,
)


def test_the_interval_is_wilsons_when_every_clip_is_its_own_recording():
    rng = np.random.default_rng(0)
    for n, p in ((40, 0.9), (400, 0.83), (80, 1.0), (10, 0.0)):
        correct = rng.random(n) < p
        expected = binomtest(int(correct.sum()), n).proportion_ci(method="wilson")
        names = [f"c{i}" for i in range(n)]
        got = clustered_wilson(correct, names, names)
        assert got == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_is_that_of_the_recordings_when_takes_are_copies():
    correct = np.repeat(np.random.default_rng(1).random(50) < 0.8, 4)
    clips = [f"c{i}" for i in range(200)]
    sources = [f"s{i // 4}" for i in range(200)]
    few_sources = t.ppf(0.975, 199) / t.ppf(0.975, 49)
    expected = wilson(correct.mean(), 50 * few_sources**2)
    got = clustered_wilson(correct, clips, sources)
    assert got == pytest.approx(expected, abs=2e-3)


def test_testing_clips_again_with_the_same_outcome_adds_no_certainty():
    correct = np.random.default_rng(2).random(90) < 0.85
    clips, sources = [f"c{i}" for i in range(90)], [f"s{i // 2}" for i in range(90)]
    once = clustered_wilson(correct, clips, sources)
    thrice = clustered_wilson(np.tile(correct, 3), clips * 3, sources * 3)
    assert thrice == pytest.approx(once)


def test_the_interval_covers_the_truth_where_plain_wilson_does_not():
    rng, truth, trials = np.random.default_rng(3), 0.9, 300
    clips, sources = [f"c{i}" for i in range(400)], [f"s{i // 4:03d}" for i in range(400)]
    covered = np.zeros(2)
    for _ in range(trials):
        by_source = rng.beta(0.9, 0.1, 100)  # takes are nearly all right or all wrong
        correct = rng.random(400) < by_source.repeat(4)
        for index, (low, high) in enumerate(
            (clustered_wilson(correct, clips, sources), wilson(correct.mean(), 400))
        ):
            covered[index] += low <= truth <= high
    assert covered[0] / trials > 0.92
    assert covered[1] / trials < 0.80


@pytest.mark.parametrize(("n_sources", "takes", "least"), [(2, 4, 0.95), (3, 3, 0.95), (5, 8, 0.9)])
def test_the_interval_of_few_recordings_covers_the_truth_too(n_sources, takes, least):
    rng, truth, trials, covered = np.random.default_rng(5), 0.75, 400, 0
    sources = np.arange(n_sources).repeat(takes)
    for _ in range(trials):
        by_source = rng.beta(truth, 1 - truth, n_sources)
        correct = rng.random(len(sources)) < by_source[sources]
        low, high = clustered_wilson(correct, np.arange(len(sources)), sources)
        covered += low <= truth <= high
    assert covered / trials > least


def test_the_interval_agrees_with_a_cluster_bootstrap_away_from_the_ends():
    rng = np.random.default_rng(4)
    sources = rng.integers(0, 300, 500)
    correct = rng.random(500) < rng.beta(2, 1, 300)[sources]
    sums = np.bincount(sources, correct, 300)
    sizes = np.bincount(sources, minlength=300)
    drawn = rng.integers(0, 300, (4000, 300))
    low, high = np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    got = clustered_wilson(correct, [f"c{i}" for i in range(500)], [f"s{s}" for s in sources])
    assert got == pytest.approx((low, high), abs=0.012)


def test_f1_takes_the_classes_that_occur():
    # 2/3 of class 0, 1/2 of class 1, nothing of class 3, which is never predicted
    got = f1_macro(np.array([0, 0, 1, 3]), np.array([0, 1, 1, 1]))
    assert got == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_log_loss_takes_all_classes_and_survives_not_a_number():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]])
    targets = np.array([0, 1])  # the third class is not among them
    assert log_loss(probabilities, targets) == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)
    probabilities[0, 0] = math.nan
    assert math.isnan(log_loss(probabilities, targets))


def test_calibration_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.45, 0.55]])
    correct = np.array([True, False, True, True])
    # bins (14/15, 1] and (8/15, 9/15]: 2/4 * |0.5 - 0.95| + 2/4 * |1 - 0.55|
    assert calibration_error(probabilities, correct) == pytest.approx(0.45)

import numpy as np
import pytest

from esc50.report.exploration.clip_map import clip_profiles, place_clips


def two_kinds(n):
    rng = np.random.default_rng(2)
    logmels = rng.standard_normal((n, 1, 8, 12)).astype(np.float32)
    logmels[::2, 0, :4] += 6
    return logmels


def test_a_profile_is_mean_and_spread_of_each_row():
    logmels = two_kinds(600)  # more than a block
    profiles = clip_profiles(logmels)
    assert profiles.shape == (600, 16)
    np.testing.assert_allclose(profiles[599, :8], logmels[599, 0].mean(1), rtol=1e-5)
    np.testing.assert_allclose(profiles[599, 8:], logmels[599, 0].std(1), rtol=1e-5)


@pytest.mark.parametrize("reduction", ["tsne", "pca"])
def test_what_sounds_alike_lies_close_together_and_always_at_the_same_place(reduction):
    profiles = clip_profiles(two_kinds(40))
    places = place_clips(profiles, reduction)
    np.testing.assert_array_equal(places, place_clips(profiles, reduction))
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(1) % 2 == np.arange(40) % 2).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_a_few_clips_have_places_too(n):
    places = place_clips(clip_profiles(two_kinds(n)), "tsne")
    assert places.shape == (n, 2) and np.isfinite(places).all()

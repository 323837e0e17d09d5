import numpy as np
import pytest
import torch

from esc50.data.near import GRID, NEAR, Profiles, nearest_pairs

RNG = np.random.default_rng(0)


def pictures(n, size=128, noise=(0.02, 0.6)):
    """Log-mels of smooth sounds in families: members differ by their family's own noise."""
    families = n // 4
    coarse = torch.from_numpy(RNG.standard_normal((families, 1, 12, 12)))
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").numpy()
    levels = np.repeat(np.linspace(*noise, families), 4)[:, None, None, None]
    grain = RNG.standard_normal((families * 4, 1, size // 4, size // 4)).repeat(4, 2).repeat(4, 3)
    scale = RNG.uniform(0.5, 5, (families * 4, 1, 1, 1))
    return (scale * (np.repeat(smooth, 4, 0) + levels * grain) + 3).astype(np.float32)


def correlations(logmels):
    """NumPy's own, of pictures averaged to GRID x GRID by torch."""
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(logmels), GRID)
    return np.corrcoef(cells.reshape(len(logmels), -1).numpy())


@pytest.mark.parametrize("size", [128, 64, 32])
def test_each_clip_gets_the_one_that_is_most_like_it_as_by_numpy(size):
    logmels = pictures(400, size)
    ours, theirs = np.arange(0, 400, 2), np.arange(400)
    expected = correlations(logmels)
    np.fill_diagonal(expected, -1)
    assert 20 < (expected[ours].max(1) > NEAR).sum() < 180  # some have one, some have not
    pairs = dict(nearest_pairs(Profiles(logmels, ours), Profiles(logmels, theirs)))
    for clip in ours:
        best = expected[clip].max()
        if abs(best - NEAR) > 1e-4:
            assert (clip in pairs) == (best > NEAR)
        if clip in pairs:
            assert expected[clip, pairs[clip]] > best - 1e-4


def test_near_duplicates_do_not_depend_on_the_pictures_size():
    large = pictures(200)
    everything, found = np.arange(len(large)), []
    for size in ((128, 128), (64, 64), (64, 128), (32, 32), (96, 80)):
        small = torch.nn.functional.interpolate(torch.from_numpy(large), size=size, mode="area")
        profiles = Profiles(small.numpy(), everything)
        found.append({clip for clip, _ in nearest_pairs(profiles, profiles)})
    assert found[0] == found[1] == found[2] == found[3]
    assert len(found[0] ^ found[4]) < len(found[0]) / 2  # 96 and 80 cells blur those of 128


def test_those_of_a_group_are_no_near_duplicates_of_each_other():
    logmels = np.repeat(RNG.standard_normal((1, 1, 32, 32)), 4, 0).astype(np.float32)
    profiles = Profiles(logmels, np.arange(4))
    assert len(nearest_pairs(profiles, profiles)) == 4
    assert nearest_pairs(profiles, profiles, np.zeros(4, int)) == []
    pairs = nearest_pairs(profiles, profiles, np.array([0, 0, 1, 1]))
    assert [(a // 2, b // 2) for a, b in pairs] == [(0, 1), (0, 1), (1, 0), (1, 0)]


def test_silence_and_tiny_pictures_and_empty_sides_do_no_harm():
    silent = np.zeros((3, 1, 5, 3), np.float32)
    silent[2] = RNG.standard_normal((5, 3))
    profiles = Profiles(silent, np.arange(3))
    assert nearest_pairs(profiles, profiles) == []
    assert nearest_pairs(profiles, Profiles(silent, np.zeros(0, int))) == []
    assert nearest_pairs(Profiles(silent, np.zeros(0, int)), profiles) == []

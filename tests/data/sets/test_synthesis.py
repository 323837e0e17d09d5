import numpy as np
import pytest

from esc50.data.sets.synthesis import SAMPLES, SOUNDS, record
from esc50.data.tables.table import ESC50_CLASSES


def clip(label, source, take):
    return record(label, np.random.default_rng(source), np.random.default_rng(take))


def envelope(sound):
    """Level of each half second."""
    return np.sqrt(np.mean(sound.astype(float).reshape(10, -1) ** 2, axis=1))


def test_functions_are_named_after_the_classes_they_make():
    for label, (make, _) in SOUNDS.items():
        assert make.__name__ == ESC50_CLASSES[label]


@pytest.mark.parametrize("label", SOUNDS)
def test_a_clip_is_five_seconds_of_16_bit_sound_that_its_seeds_repeat(label):
    sound = clip(label, 1, 2)
    assert sound.shape == (SAMPLES,) and sound.dtype == np.int16
    assert 500 < np.abs(sound.astype(int)).max() < 32767
    assert np.array_equal(sound, clip(label, 1, 2))
    assert not np.array_equal(sound, clip(label, 1, 3))
    assert not np.array_equal(sound, clip(label, 4, 2))


def test_footsteps_come_and_go_and_rain_does_not():
    spread = {
        name: np.std(envelope(clip(label, 3, 4))) / np.mean(envelope(clip(label, 3, 4)))
        for label, name in enumerate(ESC50_CLASSES)
        if name in ("footsteps", "rain")
    }
    assert spread["footsteps"] > 2 * spread["rain"]

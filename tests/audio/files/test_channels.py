import numpy as np
import pytest

from esc50.audio.files.channels import Mixer, loudest
from esc50.errors import UserError

BLOCK = np.float32([[0.1, 0.5, -0.2]] * 3 + [[0.1, -0.5, 0.95]])


def test_a_channel_is_taken_by_its_number():
    np.testing.assert_array_equal(Mixer("a", 2).mix(BLOCK), np.float32([0.5, 0.5, 0.5, -0.5]))
    assert Mixer("a", 4).mix(BLOCK[:, :1]).shape == (4,)
    with pytest.raises(
        UserError, match=r"a has 3 channels: features\.channel=4 is not one of them"
    ):
        Mixer("a", 4).mix(BLOCK)


def test_the_loudest_is_that_of_the_whole():
    mixer = Mixer("a", "loudest")
    parts = [mixer.mix(BLOCK[:3]), mixer.mix(BLOCK[3:])]
    np.testing.assert_array_equal(loudest(np.concatenate(parts)), BLOCK[:, 2])
    np.testing.assert_array_equal(loudest(parts[0]), BLOCK[:3, 1])
    assert not mixer.cancels and loudest(BLOCK[:, 0]).shape == (4,)


def test_power_of_a_mean_is_held_against_that_of_the_channels():
    rng = np.random.default_rng(0)
    wave = rng.uniform(-1, 1, 1000)
    for other, cancels in ((-wave, True), (wave, False), (rng.uniform(-1, 1, 1000), False)):
        mixer = Mixer("a")
        block = np.stack([wave, other], 1).astype(np.float32)
        np.testing.assert_allclose(mixer.mix(block[:300]), block[:300].mean(1))
        mixer.mix(block[300:])
        assert mixer.cancels == cancels
    assert not Mixer("a").cancels

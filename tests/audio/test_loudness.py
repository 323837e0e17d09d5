import math

import numpy as np
import pytest

from esc50.audio.loudness import LoudnessMeter, k_weighting

# Tables 1 and 2 of ITU-R BS.1770-4, at 48 kHz.
SHELF = [
    1.53512485958697,
    -2.69169618940638,
    1.19839281085285,
    1,
    -1.69065929318241,
    0.73248077421585,
]
HIGH_PASS = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]


def loudness(samples, rate):
    meter = LoudnessMeter(rate, samples.shape[1])
    for block in np.array_split(samples, 7):  # of any length
        meter.add(block.astype(np.float32))
    return meter.integrated()


def test_the_filters_are_the_standards():
    np.testing.assert_allclose(k_weighting(48000), [SHELF, HIGH_PASS], atol=1e-6)


def test_a_full_scale_sine_of_997_hz_in_one_channel_is_3_lufs_below_full_scale():
    time = np.arange(48000 * 3) / 48000
    sine = np.sin(2 * np.pi * 997 * time)[:, None]
    assert loudness(sine, 48000) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("rate, channels", [(44100, 1), (22050, 2), (8000, 1)])
def test_it_is_pyloudnorms(rate, channels):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    rng = np.random.default_rng(1)
    sound = 0.1 * rng.standard_normal((rate * 5, channels))
    sound[rate : 3 * rate] *= 0.01  # which the relative gate leaves out
    theirs = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound)
    assert loudness(sound, rate) == pytest.approx(theirs, abs=0.01)


def test_silence_and_a_moment_have_no_loudness():
    assert math.isnan(loudness(np.zeros((48000, 1)), 48000))
    assert math.isnan(loudness(np.ones((4800, 1)), 48000))

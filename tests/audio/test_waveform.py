import numpy as np
import pytest

from esc50.audio.augment_params import AugmentParams
from esc50.audio.spec import FeatureSpec
from esc50.audio.waveform import change_waveform

SPEC = FeatureSpec(sample_rate=8000, seconds=1.0, n_fft=512, hop_length=128, n_mels=40,
                   frames=60, height=40, width=60)  # fmt: skip
GRID = np.arange(-8, 9) * 0.25
TIME = np.arange(8000) / 8000
TONE = (0.2 * np.sin(2 * np.pi * 500 * TIME)).astype(np.float32)


def change(samples=TONE, partner=None, **columns):
    params = AugmentParams.neutral(1)
    for name, value in columns.items():
        getattr(params, name)[0] = value
    return change_waveform(samples, params, GRID, SPEC, partner)


def loudest(samples):
    return float(np.abs(np.fft.rfft(samples)).argmax()) * 8000 / len(samples)


def test_neutral_parameters_change_nothing():
    np.testing.assert_array_equal(change(), TONE)


def test_pitch_moves_in_steps_of_the_grid():
    assert loudest(change(pitch=8)) == pytest.approx(500 * 2 ** (2 / 12), abs=4)
    assert loudest(change(pitch=-4)) == pytest.approx(500 * 2 ** (-1 / 12), abs=4)


def test_a_stretch_keeps_the_pitch_and_pads_or_cuts():
    fast = change(rate=1.25)
    assert len(fast) == 8000 and not fast[6600:].any() and fast[:6000].any()
    assert loudest(fast[:6000]) == pytest.approx(500, abs=4)
    assert np.abs(change(rate=0.8)[7000:]).max() > 0.1


def test_rotation_moves_the_beginning_to_the_end():
    np.testing.assert_array_equal(change(shift=0.25), np.roll(TONE, -2000))


def test_gain_and_equaliser_are_in_decibels():
    assert np.abs(change(gain_db=6)).max() == pytest.approx(0.4, rel=0.01)
    even = change(eq_db=np.full(5, -6))
    np.testing.assert_allclose(even[500:-500], TONE[500:-500] * 10 ** (-6 / 20), atol=1e-4)
    high = change(eq_db=[0, 0, 0, 0, 20])
    np.testing.assert_allclose(high[500:-500], TONE[500:-500], atol=1e-3)


def test_noise_has_its_deviation():
    assert (change(noise_std=0.01) - TONE).std() == pytest.approx(0.01, rel=0.05)


def test_mixing_is_of_equal_levels_and_keeps_the_power():
    other = (0.02 * np.sin(2 * np.pi * 1500 * TIME)).astype(np.float32)
    mixed = change(partner=other, mix_weight=0.5)
    spectrum = np.abs(np.fft.rfft(mixed))
    assert spectrum[500] == pytest.approx(spectrum[1500], rel=0.01)
    assert mixed.std() == pytest.approx(TONE.std(), rel=0.01)
    np.testing.assert_array_equal(change(partner=np.zeros_like(TONE), mix_weight=0.5), TONE)

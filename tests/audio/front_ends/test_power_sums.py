from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from esc50.audio.front_ends.power_sums import PowerSums


def power_spectrogram(samples, window, hop):
    """The power of centred frames in double precision, by NumPy: (bins, T)."""
    padded = np.pad(samples.astype(np.float64), len(window) // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop]
    return (np.abs(np.fft.rfft(frames * window)) ** 2).T


@pytest.mark.parametrize(
    ("n_fft", "hop", "n"),
    [(2048, 512, 44_100), (1024, 320, 9_999), (512, 160, 1), (256, 256, 5_000), (16, 5, 700)],
)
def test_sums_are_products_with_numpys_power(n_fft, hop, n):
    rng = np.random.default_rng(0)
    samples, window = rng.standard_normal(n).astype(np.float32), rng.random(n_fft)
    some = rng.random((7, n_fft // 2 + 1)) * (rng.random((7, n_fft // 2 + 1)) > 0.6)
    some[3] = 0
    every_bin = np.eye(n_fft // 2 + 1)
    weighted, power = PowerSums(window, hop, [some, every_bin])(samples, 2)
    expected = power_spectrogram(samples, window, hop)
    assert power.shape == expected.shape and power.dtype == np.float32
    np.testing.assert_allclose(power, expected, atol=expected.max() * 1e-6)
    np.testing.assert_allclose(weighted, some @ expected, atol=(some @ expected).max() * 2e-6)


def test_the_first_matrix_alone_gives_the_same_sums():
    sums = PowerSums(np.hanning(64), 16, [np.ones((2, 33)), np.eye(33)])
    clips = np.random.default_rng(0).standard_normal((2, 3, 500)).astype(np.float32)
    (alone,) = sums(clips, 1)
    both, _ = sums(clips, 2)
    assert alone.shape == (2, 3, 2, 32)
    np.testing.assert_array_equal(alone, both)
    np.testing.assert_array_equal(alone[1, 2], sums(clips[1, 2], 1)[0])


def test_threads_give_the_same_bits():
    sums = PowerSums(np.hanning(512), 100, [np.eye(257)])
    clips = np.random.default_rng(0).standard_normal((16, 20_000)).astype(np.float32)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda clip: sums(clip, 1)[0], clips))
    for clip, own in zip(clips, found, strict=True):
        np.testing.assert_array_equal(own, sums(clip, 1)[0])


def test_silence_has_no_power():
    assert not PowerSums(np.hanning(256), 64, [np.eye(129)])(np.zeros(3000, np.float32), 1)[0].any()


def test_windows_of_other_lengths_are_left_to_torch():
    possible = [n for n in range(1, 70) if PowerSums.is_possible(n)]
    assert possible == [8, 16, 32, 64]

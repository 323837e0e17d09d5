import numpy as np
import pytest
import soundfile
import soxr

from esc50.audio.files.channels import Mixer
from esc50.audio.files.read import read_blocks, read_clip
from esc50.audio.files.windows import resampled, windows


def cut(n, sizes, n_samples=10, hop=4):
    sound = np.arange(n, dtype=np.float32)
    blocks = np.split(sound, np.cumsum(sizes))
    return sound, list(windows(blocks, n_samples, hop))


@pytest.mark.parametrize("sizes", [[], [1] * 30, [7, 0, 15]])
@pytest.mark.parametrize("n", [10, 13, 14, 31])
def test_windows_follow_by_the_hop_and_the_last_ends_with_the_sound(n, sizes):
    sound, found = cut(n, sizes)
    starts = list(range(0, n - 9, 4))
    starts += [n - 10] if starts[-1] + 10 < n else []
    assert [window.start for window in found] == starts
    for window in found:
        assert window.end == window.start + 10
        np.testing.assert_array_equal(window.samples, sound[window.start : window.end])


def test_a_short_sound_is_padded_and_none_has_no_window():
    _, (window,) = cut(3, [1])
    assert (window.start, window.end) == (0, 3)
    np.testing.assert_array_equal(window.samples, [0, 1, 2] + [0] * 7)
    assert cut(0, [])[1] == []


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_blocks_have_the_numbers_of_a_clip(tmp_path, rate):
    path = tmp_path / "a.wav"
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (rate * 5, 2))
    soundfile.write(path, sound, rate, subtype="FLOAT")
    mixed = map(Mixer("a").mix, read_blocks(path, 5000))
    whole = np.concatenate(list(resampled(mixed, rate, 44100)))
    assert len(whole) == 5 * 44100
    np.testing.assert_array_equal(whole[: 2 * 44100], read_clip(path, 44100, 2 * 44100))
    if rate != 44100:
        mono = sound.astype(np.float32).mean(axis=1)
        np.testing.assert_allclose(whole, soxr.resample(mono, rate, 44100), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 12000])
def test_each_window_is_its_own_loudest_channel(rate):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, rate).astype(np.float32)
    none = np.zeros(rate, np.float32)
    sound = np.stack([np.append(noise, none), np.append(none, 2 * noise)], 1)
    both = windows(resampled(np.array_split(sound, 7), rate, 8000), 8000, 8000)
    apart = (windows(resampled([sound[:, one]], rate, 8000), 8000, 8000) for one in (0, 1))
    for window, (left, right) in zip(both, zip(*apart, strict=True), strict=True):
        expected = left if window.start == 0 else right
        np.testing.assert_allclose(window.samples, expected.samples, atol=1e-6)
    short = list(windows(resampled([sound[: rate // 2]], rate, 8000), 8000, 8000))
    assert len(short) == 1 and short[0].samples.shape == (8000,) and short[0].samples[:4000].any()

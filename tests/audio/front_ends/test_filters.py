import librosa
import numpy as np
import pytest

from esc50.audio.front_ends.filters import (
    area_weights,
    band_edges,
    bin_filters,
    mel_filters,
    mel_points,
)


@pytest.mark.parametrize("ratio", [(44100, 2048, 128), (16000, 512, 64), (22050, 1024, 40)])
def test_mel_filters_are_librosas(ratio):
    rate, n_fft, n_mels = ratio
    ours = mel_filters(np.fft.rfftfreq(n_fft, 1 / rate), n_mels, 0.0, rate / 2)
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(("n_in", "n_out"), [(500, 128), (431, 431), (128, 64), (7, 3)])
def test_area_weights_are_exact_means(n_in, n_out):
    x = np.random.default_rng(0).standard_normal(n_in)
    expected = np.repeat(x, n_out).reshape(n_out, n_in).mean(1)
    np.testing.assert_allclose(area_weights(n_in, n_out) @ x, expected, atol=1e-12)


@pytest.mark.parametrize("per_mel", [1, 2, 3])
def test_bands_cover_every_bin_once_and_straddle_no_corner(per_mel):
    bin_hz, n_bins = 44100 / 2048, 1025
    points = mel_points(40, 50.0, 16000.0)
    edges = band_edges(n_bins, bin_hz, points, per_mel)
    assert edges[0] == 0 and edges[-1] == n_bins and (np.diff(edges) > 0).all()
    corners = np.ceil(points / bin_hz - 1e-6).astype(int)  # the first bin above each
    assert set(corners) <= set(edges)


def test_bins_are_read_as_they_are_or_moved_with_their_power_kept():
    bins = np.fft.rfftfreq(256, 1 / 8000)
    np.testing.assert_array_equal(bin_filters(bins, bins, 1.0), np.eye(129))
    np.testing.assert_array_equal(bin_filters(bins, bins[5:20], 1.0), np.eye(129)[5:20])
    for ratio in (0.5, 0.9, 1.1, 2 ** (1 / 3), 2.0):
        moved = bin_filters(bins, bins, ratio)
        inside = bins * ratio < bins[-3]
        np.testing.assert_allclose(moved[:, 2:].sum(0)[inside[2:]], 1, atol=1e-9)
        tone = moved @ np.eye(129)[40]
        assert abs(bins @ tone / tone.sum() - bins[40] * ratio) < 0.1 * bins[1]  # where it should
        heard = (bins > 2 * bins[1]) & (bins < ratio * bins[-3]) & (bins < bins[-3])
        assert (moved.sum(1)[heard] > 0.4).all()  # no row between hears nothing

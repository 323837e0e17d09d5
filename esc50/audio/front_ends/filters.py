"""The fixed linear operators of the front end: mel filters, bands, area interpolation."""

import numpy as np

# Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def mel_points(n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    """Corner frequencies of `n_mels` triangular filters on Slaney's mel scale: Hz, (n_mels + 2,).

    Filter m rises from point m, peaks at point m + 1 and falls to point m + 2.
    """
    low, high = (_hz_to_mel(np.asarray(hz, dtype=np.float64)) for hz in (fmin, fmax))
    mels = np.linspace(low, high, n_mels + 2)
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mels, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * _HZ_PER_MEL, logarithmic)


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    logarithmic = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _HZ_PER_MEL, logarithmic)


def mel_filters(frequencies_hz: np.ndarray, n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    """Slaney-normalised triangular mel filters at any frequencies: float64 (n_mels, len).

    At the bin frequencies this is `librosa.filters.mel(htk=False, norm="slaney")`. At the bins'
    frequencies times 2^(n/12) it is the filter bank that hears the sound n semitones higher.
    """
    points = mel_points(n_mels, fmin, fmax)[:, None]
    hz = np.asarray(frequencies_hz, dtype=np.float64)[None]
    rising = (hz - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - hz) / (points[2:] - points[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (points[2:] - points[:-2]))


def bin_filters(frequencies_hz: np.ndarray, centres: np.ndarray, ratio: float) -> np.ndarray:
    """Filters that read evenly spaced bins with all frequencies times `ratio`: (centres, len).

    Each is a triangle as wide as the bins or the moved bins are apart, whichever is more: there is
    no row between them that hears nothing, and each bin's power is kept.

    Args:
        frequencies_hz: of the bins, (len,).
        centres: frequencies in Hz, some of the bins'.
        ratio: 1 gives the bins as they are.
    """
    step, spread = frequencies_hz[1] - frequencies_hz[0], max(1.0, ratio)
    place = np.round(frequencies_hz * ratio / step, 9)
    distance = np.abs(place[None] - np.round(centres / step)[:, None])
    rows_around = np.arange(-np.ceil(spread), np.ceil(spread) + 1)[:, None]
    total = np.maximum(0, 1 - np.abs(place % 1 - rows_around) / spread).sum(axis=0)
    return np.asarray(np.maximum(0, 1 - distance / spread) / total, dtype=np.float64)


def band_edges(n_bins: int, bin_hz: float, points: np.ndarray, per_mel: int) -> np.ndarray:
    """First bin of each band, and `n_bins` at the end: int64 (n_bands + 1,).

    The distance from each mel corner frequency in `points` (Hz) to the next is divided evenly into
    `per_mel` bands; where that is less than a bin, single bins are left. No band straddles a
    corner, so what ends at one (many recordings have a sharp upper limit) stays on its side of it.
    """
    below = np.arange(points[0], 0, points[0] - points[1])[:0:-1]
    above = np.arange(points[-1], n_bins * bin_hz, points[-1] - points[-2])[1:]
    corners = np.concatenate([below, points, above])
    places = np.arange((len(corners) - 1) * per_mel + 1) / per_mel
    limits = np.interp(places, np.arange(len(corners)), corners)
    # A bin that lies at a limit but for rounding begins the band above it.
    first = np.ceil(limits / bin_hz - 1e-6).astype(np.int64)
    return np.unique(np.concatenate([[0], first[first < n_bins], [n_bins]]))


def area_weights(n_in: int, n_out: int) -> np.ndarray:
    """Area interpolation from `n_in` to `n_out` <= `n_in` cells: float64 (n_out, n_in).

    Each output cell is the mean of the input over its own span, cells at the rim weighted by the
    part that lies inside (OpenCV's INTER_AREA, which is not torch's adaptive mean).
    """
    scale = n_in / n_out
    starts, cells = np.arange(n_out)[:, None] * scale, np.arange(n_in)[None]
    overlap = np.minimum(starts + scale, cells + 1) - np.maximum(starts, cells)
    return np.where(overlap > 1e-9, overlap, 0.0) / scale

"""Weighted sums of a clip's power spectrum, frame by frame, in one pass that stays in the cache.

Window, Fourier transform, power and sums of a few frames are done before the next few are begun, so
no spectrogram is ever written to memory; and without Python's lock, so threads do not wait for one
another. Frames lie side by side in vectors of the processor (lanes), each lane one frame: every
operation of the transform is one instruction for all of them, whatever their width.
"""

from collections.abc import Sequence

import numpy as np


class PowerSums:
    """Sums of the power at the bins of each frame: matrices times a power spectrogram.

    Frames are centred and the clip's ends padded with zeros. The transform is that of Cooley and
    Tukey (1965), in place, by fours; of real numbers by way of half as many complex ones.
    """

    def __init__(self, window: np.ndarray, hop_length: int, matrices: Sequence[np.ndarray]) -> None:
        """Precompute what the pass needs.

        Args:
            window: float (n_fft,), a power of 2 from 8 on; see `is_possible`.
            hop_length: samples from one frame to the next.
            matrices: (rows, n_fft // 2 + 1) each; their zeros cost nothing.
        """
        size = len(window) // 2
        matrix = np.concatenate(matrices)
        rows, bins = np.nonzero(matrix)
        self._ends = np.cumsum([len(part) for part in matrices])
        angle = np.exp(-2j * np.pi * np.arange(size) / size)
        turned = [angle, angle**2, angle**3]
        twiddles = np.stack([part for w in turned for part in (w.real, w.imag)], 1)
        half = np.exp(-1j * np.pi * np.arange(size // 2 + 1) / size)
        self._tables = (
            np.asarray(window, np.float32),
            hop_length,
            twiddles.astype(np.float32),
            _by_two(size),
            _order(size),
            np.stack([half.real, half.imag], 1).astype(np.float32),
            np.searchsorted(rows, np.arange(len(matrix) + 1)),
            bins,
            matrix[rows, bins].astype(np.float32),
        )

    @staticmethod
    def is_possible(n_fft: int) -> bool:
        """Whether windows of so many samples can be transformed here."""
        return n_fft >= 8 and n_fft & (n_fft - 1) == 0

    def __call__(self, samples: np.ndarray, parts: int) -> list[np.ndarray]:
        """Sums of float32 (..., n_samples) for the first matrices: float32 (..., rows, T) each."""
        # Loads a compiler, which not all need.
        from esc50.audio.front_ends.power_kernel import add_up

        n_frames = 1 + samples.shape[-1] // self._tables[1]
        sums = np.empty((*samples.shape[:-1], self._ends[parts - 1], n_frames), np.float32)
        for clip in np.ndindex(samples.shape[:-1]):
            add_up(np.ascontiguousarray(samples[clip]), *self._tables, sums[clip])
        return np.split(sums, self._ends[: parts - 1], axis=-2)


def _order(size: int) -> np.ndarray:
    """Where the transform leaves each of its numbers: int64 (size,)."""
    if size == 1:
        return np.zeros(1, np.int64)
    parts = (0, 1) if _by_two(size) else (0, 2, 1, 3)
    inner = _order(size // len(parts))
    place = np.empty(size, np.int64)
    for row, part in enumerate(parts):
        place[part :: len(parts)] = inner + row * len(inner)
    return place


def _by_two(size: int) -> bool:
    """Whether so many numbers, a power of 2, are no power of 4: they are halved once."""
    return bool(size & 0x5555555555555555 == 0)

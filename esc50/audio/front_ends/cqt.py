"""The front end of the constant-Q transform."""

from typing import Any

import numpy as np
import torch
from torch import nn

from esc50.audio.front_ends.front_end import PictureFrontEnd
from esc50.audio.front_ends.sparse import SparseMatmul
from esc50.audio.kinds import CqtSpec

_NEGLIGIBLE = 1e-6  # of a filter's largest weight, at which its spectrum is cut off


class ConstantQ(PictureFrontEnd):
    """The power of `librosa.cqt`, computed at the full rate throughout.

    librosa halves the rate from octave to octave, which leaves something of the resampling in its
    numbers. Here each row is a product with the spectrum of its filter, a windowed wave as many
    periods long as every other (Brown and Puckette, 1992).
    """

    def __init__(self, spec: CqtSpec) -> None:
        """Precompute the filters' spectra."""
        super().__init__(spec, torch.ones(spec.window))
        kernels = filter_spectra(spec)
        self._real: nn.Module = SparseMatmul(kernels.real)
        self._imag: nn.Module = SparseMatmul(kernels.imag)

    def rows(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power in each row, float32 (..., n_bins, T), of float32 (..., n_samples)."""
        spectrum = torch.view_as_real(self.fourier(waveform)).transpose(-3, -2)
        re, im = (part.contiguous() for part in spectrum.unbind(-1))
        real = self._real(re) - self._imag(im)
        return real.square() + (self._real(im) + self._imag(re)).square()


def filter_spectra(spec: CqtSpec) -> np.ndarray:
    """Spectra of librosa's filters, scaled as it does: complex (n_bins, n_fft // 2 + 1)."""
    from librosa.filters import wavelet

    n_fft = spec.window
    alpha: Any = np.full(spec.n_bins, 1 / spec.quality)
    filters, lengths = wavelet(freqs=spec.frequencies, sr=spec.sample_rate, alpha=alpha)
    # Centred on the frame's middle; as a product of spectra, by Parseval's theorem.
    spectra = np.fft.fft(filters * (np.sqrt(lengths)[:, None] / n_fft), axis=1)[:, : n_fft // 2 + 1]
    size = np.abs(spectra)
    return np.where(size > _NEGLIGIBLE * size.max(axis=1, keepdims=True), spectra, 0)

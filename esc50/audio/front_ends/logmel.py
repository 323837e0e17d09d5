"""Front ends on a mel spectrogram: log-mel, with its deltas, MFCC, PCEN; librosa's numbers."""

import numpy as np
import torch
from scipy.fft import dct
from torch.nn import functional as F

from esc50.audio.front_ends.front_end import BandedFrontEnd
from esc50.audio.front_ends.sparse import SparseMatmul
from esc50.audio.kinds import DeltaSpec, MfccSpec, PcenSpec


class LogMel(BandedFrontEnd):
    """The log-mel spectrogram, at the price of the Fourier transform."""


class LogMelDeltas(BandedFrontEnd):
    """The log-mel spectrogram; behind it `librosa.feature.delta` of it, of the first orders."""

    def __init__(self, spec: DeltaSpec) -> None:
        """Precompute the deltas' filters, Savitzky and Golay's, as one matrix each."""
        from scipy.signal import savgol_filter  # loads what predicting need not wait for

        super().__init__(spec)
        self._deltas = torch.nn.ModuleList(
            SparseMatmul(
                savgol_filter(
                    np.eye(spec.n_frames),
                    spec.delta_width,
                    polyorder=order,
                    deriv=order,
                    axis=0,
                    mode="interp",
                )
            )
            for order in range(1, spec.deltas + 1)
        )

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Decibels and their deltas: (..., 1 + deltas, n_mels, T)."""
        db = self.power_to_db(rows)
        along = db.transpose(-1, -2).contiguous()
        return torch.stack([db, *(delta(along).transpose(-1, -2) for delta in self._deltas)], -3)


class Mfcc(BandedFrontEnd):
    """`librosa.feature.mfcc` of the log-mel spectrogram, 0 dB being its loudest cell."""

    dct: torch.Tensor

    def __init__(self, spec: MfccSpec) -> None:
        """Precompute the cosine transform, type II and orthonormal, and the lifter."""
        super().__init__(spec)
        basis = dct(np.eye(spec.n_mels), axis=0, type=2, norm="ortho")[: spec.n_mfcc]
        if spec.lifter:
            order = np.arange(1, spec.n_mfcc + 1)
            basis *= 1 + spec.lifter / 2 * np.sin(np.pi * order / spec.lifter)[:, None]
        self.register_buffer("dct", torch.from_numpy(basis).float(), persistent=False)

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Coefficients: (..., 1, n_mfcc, T)."""
        return (self.dct @ self.power_to_db(rows)).unsqueeze(-3)


class Pcen(BandedFrontEnd):
    """`librosa.pcen` of the mel power spectrogram times `scale`."""

    fading: torch.Tensor

    def __init__(self, spec: PcenSpec) -> None:
        """Precompute the smoothing over time, a filter of the first order."""
        super().__init__(spec)
        frames = spec.time_constant * spec.sample_rate / spec.hop_length
        new = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
        self.kept = float(1 - new)  # of what was smoothed before, from frame to frame
        fading = self.kept ** np.arange(1, spec.n_frames + 1)  # of the 1 that librosa begins with
        self.register_buffer("fading", torch.from_numpy(fading).float(), persistent=False)

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Normalised energies: (..., 1, n_mels, T)."""
        spec, power = self.spec, rows * self.spec.scale
        loudness = np.log(spec.eps) + torch.log1p(self.smooth(power) / spec.eps)
        gain = torch.exp(-spec.gain * loudness)
        compressed = torch.expm1(spec.power * torch.log1p(power * gain / spec.bias))
        return (spec.bias**spec.power * compressed).unsqueeze(-3)

    def smooth(self, power: torch.Tensor) -> torch.Tensor:
        """Smooth (..., n_mels, T) over time: s[t] = kept s[t - 1] + (1 - kept) power[t]."""
        # Sums over 1, 2, 4, ... frames: as many passes as the number of frames has binary digits.
        n, smoothed, step = power.shape[-1], (1 - self.kept) * power, 1
        while step < n:
            smoothed = smoothed + self.kept**step * F.pad(smoothed, (step, 0))[..., :n]
            step *= 2
        return smoothed + self.fading

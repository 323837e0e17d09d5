"""The log-mel front end: librosa's numbers at the price of the Fourier transform."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from esc50.audio.filters import area_weights
from esc50.audio.silence import repeat_sound
from esc50.audio.sparse import SparseMatmul
from esc50.audio.spec import FeatureSpec

# power_to_db's floor under the logarithm
_AMIN = 1e-10
# A clip that varies by less than this (dB) is constant; the z-score of a real clip never sees it.
_FLAT_DB = 1e-3
# standardise="fixed": mean and standard deviation (dB below the clip's loudest cell) over the cells
# of ESC-10's log-mels, so that inputs have about zero mean, and padding is an average cell.
_FIXED_MEAN_DB, _FIXED_STD_DB = -55.0, 21.0


class LogMel(torch.nn.Module):
    """Waveforms to standardised log-mel pictures, on the device it was moved to.

    All that stands between a clip's samples and the network is here: the cache, a prediction and an
    export use it alike.
    """

    window: torch.Tensor

    def __init__(self, spec: FeatureSpec) -> None:
        """Precompute the window and the sparse operators of `spec`."""
        super().__init__()
        self.spec = spec
        # `frames` beyond the clip's own are zero after standardising: their columns fall away.
        kept = min(spec.frames, spec.n_frames)
        across = np.zeros((spec.width, spec.n_frames))
        across[:, :kept] = area_weights(spec.frames, spec.width)[:, :kept]
        bins = np.arange(len(spec.bin_hz))[None]
        inside = (spec.edges[:-1, None] <= bins) & (bins < spec.edges[1:, None])
        self._mel = SparseMatmul(spec.mel_filters())
        self._bands = SparseMatmul(inside / inside.sum(axis=1, keepdims=True))
        self._across = SparseMatmul(across)
        self._down = SparseMatmul(area_weights(spec.n_mels, spec.height))
        window = torch.hann_window(spec.n_fft, periodic=True, dtype=torch.float64).float()
        self.register_buffer("window", window, persistent=False)

    def repeat(self, waveform: torch.Tensor) -> torch.Tensor:
        """Fill silence with the clip's sound where the features say so: (..., n_samples) alike."""
        if self.spec.repeat_below is None:
            return waveform
        return repeat_sound(waveform, self.spec.sample_rate, self.spec.repeat_below)

    def stft(self, waveform: torch.Tensor) -> torch.Tensor:
        """Short-time Fourier transform of float32 (..., n_samples): complex64 (..., T, bins)."""
        half = self.spec.n_fft // 2
        padded = F.pad(waveform, (half, half))
        frames = padded.unfold(-1, self.spec.n_fft, self.spec.hop_length)
        return torch.fft.rfft(frames * self.window)

    def power(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power spectrogram of float32 (..., n_samples): float32 (..., n_fft // 2 + 1, T).

        Frames are centred, the clip's ends padded with zeros (librosa's `pad_mode="constant"`).
        """
        # Squared in place and summed straight into the transposed layout: the fewest passes.
        re, im = torch.view_as_real(self.stft(waveform)).square_().transpose(-3, -2).unbind(-1)
        return torch.add(re, im, out=torch.empty(re.shape, device=re.device))

    def mel(self, power: torch.Tensor) -> torch.Tensor:
        """Mel power spectrogram (..., n_mels, T) of a power spectrogram."""
        return self._mel(power)

    def power_to_db(self, mel: torch.Tensor) -> torch.Tensor:
        """`librosa.power_to_db(mel, ref=np.max, top_db=top_db)` of each clip: 0 dB at the most.

        Silence is 0 dB throughout, as with librosa.
        """
        loudest = mel.amax((-2, -1), keepdim=True).clamp_min(_AMIN)
        # Clipping before the logarithm saves a pass and gives the same floor.
        floor = (loudest * 10 ** (-self.spec.top_db / 10)).clamp_min(_AMIN)
        # The base-2 logarithm is the fastest.
        return mel.clamp(min=floor).div_(loudest).log2_().mul_(10 * math.log10(2))

    def normalize_and_resize(self, db: torch.Tensor) -> torch.Tensor:
        """Standardise, pad or cut to `frames`, area-interpolate (..., n_mels, T) decibels.

        Returns float32 (..., 1, height, width). Unless the scale is fixed, a constant clip
        (silence above all) gives zeros.
        """
        if self.spec.standardise == "clip":
            centred = db - db.mean((-2, -1), keepdim=True)
            spread = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True)
            spread = (spread / math.sqrt(db.shape[-2] * db.shape[-1])).clamp_min(_FLAT_DB)
        elif self.spec.standardise == "minmax":
            centred = db - db.amin((-2, -1), keepdim=True)
            spread = centred.amax((-2, -1), keepdim=True).clamp_min(_FLAT_DB)
        else:
            centred, spread = db - _FIXED_MEAN_DB, _FIXED_STD_DB
        # Interpolation is linear: dividing its far smaller result is the same.
        picture = self._across(centred.transpose(-1, -2)).transpose(-1, -2) / spread
        if self.spec.height != self.spec.n_mels:
            picture = self._down(picture)
        return picture.contiguous().unsqueeze(-3)

    def bands(self, power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Banded magnitude float16 (..., n_bands, T) and its scale float32 (...,).

        The magnitude is the root of the mean power in each band, divided by the clip's largest so
        that float16 keeps its range; that largest one is the scale (0 for silence).
        """
        banded = self._bands(power)
        loudest = banded.amax((-2, -1))
        scale = torch.where(loudest > 0, loudest, 1.0)[..., None, None]
        return banded.div_(scale).sqrt_().half(), loudest.sqrt()

    @torch.no_grad()
    def features(self, waveform: torch.Tensor) -> torch.Tensor:
        """Picture (..., 1, height, width) float32 of float32 (..., n_samples)."""
        power = self.power(self.repeat(waveform))
        return self.normalize_and_resize(self.power_to_db(self.mel(power)))

    @torch.no_grad()
    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Picture, banded magnitude and its scale, from one Fourier transform: for the cache."""
        power = self.power(self.repeat(waveform))
        return self.normalize_and_resize(self.power_to_db(self.mel(power))), *self.bands(power)

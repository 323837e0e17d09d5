"""Front ends of pretrained audio networks, by the numbers of those who trained them."""

import math

import torch
from torch.nn import functional as F

from esc50.audio.front_ends.front_end import BandedFrontEnd
from esc50.audio.pretrained_kinds import AbsoluteSpec, KaldiSpec

_LEAST_POWER = 1e-10
_LEAST_ENERGY = 1.1920928955078125e-07  # Kaldi's: what float32 takes 1 and the next number apart
_EMPHASIS = 0.97  # of the sample before, subtracted
_WHISPER_RANGE = 80.0  # dB below the clip's loudest cell
_POVEY = 0.85  # the power of a Hann window that Kaldi's own window is


class _FixedScale(BandedFrontEnd):
    """Pictures on a scale that all clips share: (x - mean) / scale, `rest` beyond the end."""

    mean, scale, rest = 0.0, 1.0, 0.0

    def normalize_and_resize(self, cells: torch.Tensor) -> torch.Tensor:
        """Scale, pad or cut to `frames`, area-interpolate cells (..., channels, rows, T)."""
        along = (cells - self.rest).transpose(-1, -2).contiguous()
        picture = self._across(along).transpose(-1, -2).contiguous()
        if self.spec.height != self.spec.n_rows:
            picture = self._down(picture)
        return (picture + (self.rest - self.mean)) / self.scale


class AbsoluteLogMel(_FixedScale):
    """`librosa.power_to_db(mel, ref=1, amin=1e-10, top_db=None)`, the clip mirrored at its ends."""

    rest = 10 * math.log10(_LEAST_POWER)

    def __init__(self, spec: AbsoluteSpec) -> None:
        """Precompute the operators of `spec`."""
        super().__init__(spec)
        self.mirrored = -(-spec.n_fft // 2 // spec.hop_length)  # frames that reach beyond the ends

    def power(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power spectrogram of float32 (..., n_samples): float32 (..., n_fft // 2 + 1, T)."""
        spec, n = self.spec, waveform.shape[-1]
        sound = waveform.reshape(-1, n)
        times = max(1, spec.n_filled // n)
        sound = F.pad(sound.repeat(1, times), (0, spec.n_filled - times * n))
        # The Fourier transform pads with zeros: those frames are cut off again.
        pad = self.mirrored * spec.hop_length
        power: torch.Tensor = self.fourier.power(F.pad(sound, (pad, pad), mode="reflect"))
        power = power[..., self.mirrored : self.mirrored + spec.n_frames]
        return power.reshape(*waveform.shape[:-1], *power.shape[-2:])

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Decibels (..., 1, n_mels, T)."""
        return (rows.clamp(min=_LEAST_POWER).log10() * 10).unsqueeze(-3)


class WhisperLogMel(AbsoluteLogMel):
    """`WhisperFeatureExtractor`: (log10 power + 4) / 4, at least the clip's greatest less 2."""

    mean, scale = -40.0, 40.0

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Decibels (..., 1, n_mels, T)."""
        decibels = super().cells(rows)
        return torch.maximum(decibels, decibels.amax((-3, -2, -1), keepdim=True) - _WHISPER_RANGE)


class KaldiBank(_FixedScale):
    """Kaldi's log filter bank.

    All that happens to a frame before its power is taken is linear, and so is one product: without
    its mean, each sample less 0.97 of the one before, its window, Fourier transform.
    """

    analysis: torch.Tensor

    def __init__(self, spec: KaldiSpec) -> None:
        """Precompute that product: (2 bins, 1, frame_length)."""
        super().__init__(spec)
        n = spec.frame_length
        frame = torch.eye(n, dtype=torch.float64)
        frame = frame - frame.mean(0)
        before = torch.cat([frame[:1], frame[:-1]])
        window = torch.hann_window(n, periodic=False, dtype=torch.float64)
        window = window**_POVEY if spec.window_type == "povey" else window
        spectra = torch.fft.rfft((frame - _EMPHASIS * before) * window[:, None], spec.n_fft, dim=0)
        parts = torch.cat([spectra.real, spectra.imag])
        self.register_buffer("analysis", parts.float().unsqueeze(1), persistent=False)
        self.mean, self.scale = spec.mean, 2 * spec.std
        self.full_power = (spec.full_scale or 1.0) ** 2

    @property
    def middle(self) -> float:
        """Middle of the window behind the first sample that it takes, in units of n_fft."""
        return (self.spec.frame_length - 1) / 2 / self.spec.n_fft

    def spectrum(self, waveform: torch.Tensor) -> torch.Tensor:
        """Spectrum of float32 (..., n_samples): complex64 (..., T, n_fft // 2 + 1)."""
        return torch.complex(*self._parts(waveform)).transpose(-1, -2)

    def power(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power spectrogram of float32 (..., n_samples): float32 (..., n_fft // 2 + 1, T)."""
        re, im = self._parts(waveform)
        return re.square() + im.square()

    def _parts(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Real and imaginary spectrum, float32 (..., n_fft // 2 + 1, T) each."""
        sound = waveform.reshape(-1, 1, waveform.shape[-1])
        both = F.conv1d(sound, self.analysis, stride=self.spec.hop_length)
        re, im = both.reshape(*waveform.shape[:-1], *both.shape[-2:]).chunk(2, dim=-2)
        return re, im

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """Natural logarithms (..., 1, n_mels, T)."""
        # Scaled no earlier: augmentation changes the power of sound with full scale 1.
        return (rows * self.full_power).clamp(min=_LEAST_ENERGY).log().unsqueeze(-3)

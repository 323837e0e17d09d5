"""Sound into pictures: what the front ends of all kinds of features have in common."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from esc50.audio.front_ends.filters import area_weights
from esc50.audio.front_ends.power_sums import PowerSums
from esc50.audio.front_ends.silence import repeat_sound
from esc50.audio.front_ends.sparse import SparseMatmul
from esc50.audio.spec import BandedSpec, PictureSpec, Spec
from esc50.config.targets import locate

# power_to_db's floor under the logarithm
_AMIN = 1e-10
# A clip that varies by less than this is constant; the z-score of a real clip never sees it.
_FLAT = 1e-3
# standardise="fixed": mean and standard deviation (dB below the clip's loudest cell) over the cells
# of ESC-10's log-mels, so that inputs have about zero mean, and padding is an average cell.
_FIXED_MEAN_DB, _FIXED_STD_DB = -55.0, 21.0


class Fourier(nn.Module):
    """The short-time Fourier transform, frames centred and the clip's ends padded with zeros."""

    window: torch.Tensor

    def __init__(self, window: torch.Tensor, hop_length: int) -> None:
        """Take the window, float32 (n_fft,), and the samples from one frame to the next."""
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Transform float32 (..., n_samples): complex64 (..., T, n_fft // 2 + 1)."""
        n_fft = len(self.window)
        padded = F.pad(waveform, (n_fft // 2, n_fft // 2))
        frames = padded.unfold(-1, n_fft, self.hop_length)
        return torch.fft.rfft(frames * self.window)

    def power(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power of float32 (..., n_samples): float32 (..., n_fft // 2 + 1, T)."""
        # Squared in place and summed straight into the transposed layout: the fewest passes.
        re, im = torch.view_as_real(self(waveform)).square_().transpose(-3, -2).unbind(-1)
        return torch.add(re, im, out=torch.empty(re.shape, device=re.device))


class FrontEnd(nn.Module):
    """Waveforms to what the network sees, on the device it was moved to.

    All that stands between a clip's samples and the network is here: the cache, a prediction and an
    export use it alike.
    """

    def __init__(self, spec: Spec) -> None:
        """Take what the features are."""
        super().__init__()
        self.spec: Any = spec  # of the kind that the front end is of

    def repeat(self, waveform: torch.Tensor) -> torch.Tensor:
        """Fill silence with the clip's sound where the features say so: (..., n_samples) alike."""
        if self.spec.repeat_below is None:
            return waveform
        return repeat_sound(waveform, self.spec.sample_rate, self.spec.repeat_below)

    def features(self, waveform: torch.Tensor) -> torch.Tensor:
        """Features (..., *spec.shape) float32 of float32 (..., n_samples)."""
        raise NotImplementedError


class PictureFrontEnd(FrontEnd):
    """Waveforms to standardised pictures.

    A kind of features says what its rows are (`rows`) and what is made of them (`cells`).
    """

    def __init__(self, spec: PictureSpec, window: torch.Tensor) -> None:
        """Precompute what resizes pictures; take the window of the Fourier transform."""
        super().__init__(spec)
        # `frames` beyond the clip's own are zero after standardising: their columns fall away.
        kept = min(spec.frames, spec.n_frames)
        across = np.zeros((spec.width, spec.n_frames))
        across[:, :kept] = area_weights(spec.frames, spec.width)[:, :kept]
        self.fourier: Any = Fourier(window, spec.hop_length)
        self._across: nn.Module = SparseMatmul(across)
        self._down: nn.Module = SparseMatmul(area_weights(spec.n_rows, spec.height))

    def rows(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power in each row, float32 (..., rows, T), of float32 (..., n_samples)."""
        raise NotImplementedError

    def cells(self, rows: torch.Tensor) -> torch.Tensor:
        """What the picture shows of the power in each row: (..., channels, spec.n_rows, T)."""
        return self.power_to_db(rows).unsqueeze(-3)

    def power_to_db(self, power: torch.Tensor) -> torch.Tensor:
        """`librosa.power_to_db(power, ref=np.max, top_db=top_db)` of each clip (..., rows, T).

        0 dB at the most. Silence is 0 dB throughout, as with librosa.
        """
        loudest = power.amax((-2, -1), keepdim=True).clamp_min(_AMIN)
        # Clipping before the logarithm saves a pass and gives the same floor.
        floor = (loudest * 10 ** (-self.spec.top_db / 10)).clamp_min(_AMIN)
        # The base-2 logarithm is the fastest.
        return power.clamp(min=floor).div_(loudest).log2_().mul_(10 * math.log10(2))

    def normalize_and_resize(self, cells: torch.Tensor) -> torch.Tensor:
        """Standardise, pad or cut to `frames`, area-interpolate cells (..., channels, rows, T).

        Each channel is standardised by itself. Returns float32 (..., channels, height, width).
        Unless the scale is fixed, a constant clip (silence above all) gives zeros.
        """
        kind = self.spec.standardise
        over = (-1,) if kind == "row" else (-2, -1)
        if kind in ("clip", "row"):
            centred = cells - cells.mean(over, keepdim=True)
            norm = torch.linalg.vector_norm(centred, dim=over, keepdim=True)
            n = math.prod(cells.shape[axis] for axis in over)
            spread: Any = (norm / math.sqrt(n)).clamp_min(_FLAT)
        elif kind == "minmax":
            centred = cells - cells.amin(over, keepdim=True)
            spread = centred.amax(over, keepdim=True).clamp_min(_FLAT)
        else:
            centred, spread = cells - _FIXED_MEAN_DB, _FIXED_STD_DB
        # Interpolation is linear: dividing its far smaller result is the same.
        picture = self._across(centred.transpose(-1, -2)).transpose(-1, -2) / spread
        if self.spec.height != self.spec.n_rows:
            picture = self._down(picture)
        return picture.contiguous()

    @torch.no_grad()
    def features(self, waveform: torch.Tensor) -> torch.Tensor:
        """Picture (..., channels, height, width) float32 of float32 (..., n_samples)."""
        return self.normalize_and_resize(self.cells(self.rows(self.repeat(waveform))))


class BandedFrontEnd(PictureFrontEnd):
    """Front ends whose rows are sums of the power at FFT bins; as it is, a spectrogram in dB."""

    def __init__(self, spec: BandedSpec) -> None:
        """Precompute the window and the sparse operators of `spec`."""
        window = torch.hann_window(spec.n_fft, periodic=True, dtype=torch.float64).float()
        super().__init__(spec, window)
        bins = np.arange(len(spec.bin_hz))[None]
        inside = (spec.edges[:-1, None] <= bins) & (bins < spec.edges[1:, None])
        filters, bands = spec.filters(), inside / inside.sum(axis=1, keepdims=True)
        self._filters: nn.Module = SparseMatmul(filters)
        self._bands: nn.Module = SparseMatmul(bands)
        self._sums: PowerSums | None = None
        usual = type(self).power is BandedFrontEnd.power  # and not of other samples or filters
        if usual and PowerSums.is_possible(spec.n_fft):
            self._sums = PowerSums(window.numpy(), spec.hop_length, [filters, bands])

    @property
    def middle(self) -> float:
        """Middle of the window behind the first sample that it takes, in units of n_fft."""
        return 0.5

    def spectrum(self, waveform: torch.Tensor) -> torch.Tensor:
        """Spectrum of float32 (..., n_samples): complex64 (..., T, n_fft // 2 + 1)."""
        spectrum: torch.Tensor = self.fourier(waveform)
        return spectrum

    def power(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power spectrogram of float32 (..., n_samples): float32 (..., n_fft // 2 + 1, T)."""
        power: torch.Tensor = self.fourier.power(waveform)
        return power

    def rows(self, waveform: torch.Tensor) -> torch.Tensor:
        """Power in each row, float32 (..., n_filters, T), of float32 (..., n_samples)."""
        if (sums := self._in_one_pass(waveform)) is not None:
            return torch.from_numpy(sums(waveform.numpy(), 1)[0])
        rows: torch.Tensor = self._filters(self.power(waveform))
        return rows

    def rows_and_bands(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Power in each row, and mean power in each band, float32 (..., n_bands, T)."""
        if (sums := self._in_one_pass(waveform)) is not None:
            rows, bands = sums(waveform.numpy(), 2)
            return torch.from_numpy(rows), torch.from_numpy(bands)
        power = self.power(waveform)
        return self._filters(power), self._bands(power)

    @torch.no_grad()
    def forward(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Picture, banded magnitude and its scale, from one Fourier transform: for the cache.

        The magnitude is the root of the mean power in each band, float16 (..., n_bands, T), divided
        by the clip's largest so that float16 keeps its range; that largest one is the scale,
        float32 (...,), 0 for silence.
        """
        rows, banded = self.rows_and_bands(self.repeat(waveform))
        picture = self.normalize_and_resize(self.cells(rows))
        loudest = banded.amax((-2, -1))
        scale = torch.where(loudest > 0, loudest, 1.0)[..., None, None]
        return picture, banded.div_(scale).sqrt_().half(), loudest.sqrt()

    def _in_one_pass(self, waveform: torch.Tensor) -> PowerSums | None:
        """What sums the power of these samples up, where that is no work for torch.

        It is on GPUs, with windows that are no power of 2, and in what is made for other runtimes.
        """
        ours = isinstance(self.fourier, Fourier) and waveform.device.type == "cpu"
        return self._sums if ours and waveform.dtype == torch.float32 else None


def make_front_end(spec: Spec) -> FrontEnd:
    """Build the front end of features of any kind."""
    front_end: FrontEnd = locate("features", spec.front_end)(spec)
    return front_end

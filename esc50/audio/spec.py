"""What the features are: rate, window, filters, size. Known before torch is needed."""

import math
from dataclasses import dataclass

import numpy as np

from esc50.audio.bounds import check_bounds
from esc50.audio.filters import band_edges, mel_filters, mel_points
from esc50.errors import UserError


@dataclass(frozen=True)
class FeatureSpec:
    """What shapes the network's input: the keys of conf/features/, nothing else.

    Raises UserError where a number is out of its bounds or the numbers do not go together.
    """

    sample_rate: int = 44100
    seconds: float = 5.0
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    top_db: float = 80.0
    frames: int = 500
    height: int = 128
    width: int = 128
    standardise: str = "clip"
    bands_per_mel: int = 2
    repeat_below: float | None = None

    def __post_init__(self) -> None:
        """Refuse what would give no or wrong numbers."""
        check_bounds(
            "features",
            self,
            sample_rate=(1000, 768_000),
            seconds=(0.05, 3600),
            n_fft=(16, 2**17),
            hop_length=(1, 2**17),
            n_mels=(1, 4096),
            fmin=(0, math.inf),
            top_db=(1e-3, math.inf),
            frames=(1, math.inf),
            height=(1, math.inf),
            width=(1, math.inf),
            bands_per_mel=(1, math.inf),
        )
        if self.fmax is not None:
            check_bounds("features", self, fmax=(0, math.inf))
        if self.repeat_below is not None:
            check_bounds("features", self, repeat_below=(1, math.inf))
        if self.hop_length > self.n_fft:
            raise UserError(
                f"features.hop_length={self.hop_length} skips samples between windows of"
                f" features.n_fft={self.n_fft}: choose a hop of at most n_fft"
            )
        if not self.fmin < self.fmax_hz <= self.sample_rate / 2:
            raise UserError(
                f"features.fmin={self.fmin} and features.fmax={self.fmax} Hz must satisfy"
                f" fmin < fmax <= sample_rate / 2 = {self.sample_rate / 2:g} Hz"
            )
        if self.width > self.frames or self.height > self.n_mels:
            raise UserError(
                f"features.height={self.height} and features.width={self.width} must not exceed"
                f" features.n_mels={self.n_mels} and features.frames={self.frames}:"
                " area interpolation only makes a picture smaller"
            )
        if self.standardise not in ("clip", "fixed", "minmax"):
            raise UserError(
                f"features.standardise must be clip, fixed or minmax, not {self.standardise}"
            )

    @property
    def fmax_hz(self) -> float:
        """Upper edge of the highest mel filter in Hz."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def n_samples(self) -> int:
        """Samples of one clip."""
        return round(self.seconds * self.sample_rate)

    @property
    def n_frames(self) -> int:
        """Frames of one clip's spectrogram, the first and last centred on its ends."""
        return 1 + self.n_samples // self.hop_length

    @property
    def bin_hz(self) -> np.ndarray:
        """Centre frequency of each FFT bin in Hz: (n_fft // 2 + 1,)."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate)

    @property
    def edges(self) -> np.ndarray:
        """First FFT bin of each band, and their number at the end: (n_bands + 1,)."""
        points = mel_points(self.n_mels, self.fmin, self.fmax_hz)
        return band_edges(len(self.bin_hz), self.bin_hz[1], points, self.bands_per_mel)

    @property
    def n_bands(self) -> int:
        """Rows of the banded spectrogram that the augmentation works on."""
        return len(self.edges) - 1

    def mel_filters(self, ratio: float = 1.0) -> np.ndarray:
        """Mel filters of the sound with all frequencies times `ratio`: (n_mels, n_fft // 2 + 1)."""
        return mel_filters(self.bin_hz * ratio, self.n_mels, self.fmin, self.fmax_hz)

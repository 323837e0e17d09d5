"""What the features are: rate, window, filters, size. Known before torch is needed."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from esc50.audio.filters import band_edges, mel_filters, mel_points
from esc50.config.settings import Settings

Size = Annotated[int, Field(ge=1)]
PADDING = 1.2  # the published 500 frames for 431 are within it


class FeatureSpec(Settings):
    """What shapes the network's input: the keys of conf/features/, nothing else."""

    sample_rate: Annotated[int, Field(ge=1000, le=768_000)] = 44100
    seconds: Annotated[float, Field(ge=0.05, le=3600)] = 5.0
    n_fft: Annotated[int, Field(ge=16, le=2**17)] = 2048
    hop_length: Annotated[int, Field(ge=1, le=2**17)] = 512
    n_mels: Annotated[int, Field(ge=1, le=4096)] = 128
    fmin: Annotated[float, Field(ge=0)] = 0.0
    fmax: Annotated[float, Field(ge=0)] | None = None
    top_db: Annotated[float, Field(ge=1e-3)] = 80.0
    frames: Size = 500
    height: Size = 128
    width: Size = 128
    standardise: Literal["clip", "fixed", "minmax"] = "clip"
    bands_per_mel: Size = 2
    repeat_below: Annotated[float, Field(ge=1)] | None = None
    channel: Size | Literal["loudest"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: dict[str, Any]) -> dict[str, Any]:
        # NumPy's numbers are numbers, whatever pydantic's strictness makes of them.
        return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.hop_length > self.n_fft:
            raise ValueError(
                f"features.hop_length={self.hop_length} skips samples between windows of"
                f" features.n_fft={self.n_fft}: choose a hop of at most n_fft"
            )
        if not self.fmin < self.fmax_hz <= self.sample_rate / 2:
            fmax = "null" if self.fmax is None else self.fmax
            raise ValueError(
                f"features.fmin={self.fmin} and features.fmax={fmax} Hz must satisfy"
                f" fmin < fmax <= sample_rate / 2 = {self.sample_rate / 2:g} Hz"
            )
        if self.n_mels > self.n_fft // 2 + 1:
            raise ValueError(
                f"features.n_mels={self.n_mels} is more than features.n_fft={self.n_fft} has"
                f" frequencies: set at most n_fft / 2 + 1 = {self.n_fft // 2 + 1}"
            )
        if self.width > self.frames or self.height > self.n_mels:
            raise ValueError(
                f"features.height={self.height} and features.width={self.width} must not exceed"
                f" features.n_mels={self.n_mels} and features.frames={self.frames}:"
                " area interpolation only makes a picture smaller; a lower features.hop_length"
                " makes more frames of a short clip"
            )
        return self

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
    def key(self) -> dict[str, Any]:
        """What names features in the cache: settings newer than it count where they are set."""
        return {k: v for k, v in self.model_dump().items() if k != "channel" or v is not None}

    @property
    def remarks(self) -> list[str]:
        """What is likely not meant, in sentences."""
        said = []
        if self.frames < self.n_frames:
            said.append(
                f"features.frames={self.frames} shows {self.frames / self.n_frames:.0%} of the "
                f"{self.n_frames} frames of features.seconds={self.seconds:g}: without it, all"
            )
        if self.frames > PADDING * self.n_frames:
            filled = -(-self.width * self.n_frames // self.frames)
            said.append(
                f"features.frames={self.frames} leaves {self.width - filled} of {self.width} "
                f"columns empty: features.seconds={self.seconds:g} makes {self.n_frames} frames"
            )
        empty = int((self.mel_filters().max(axis=1) == 0).sum())
        if empty:
            said.append(
                f"{empty} of features.n_mels={self.n_mels} filters are empty: they are narrower "
                f"than the bins of features.n_fft={self.n_fft}; lower the one or raise the other"
            )
        return said

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

"""Kinds of features beside the log-mel: what their keys are and which front end computes them."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from esc50.audio.front_ends.filters import bin_filters
from esc50.audio.pretrained_kinds import AbsoluteSpec, KaldiSpec, WhisperSpec
from esc50.audio.spec import (
    BandedSpec,
    FeatureSpec,
    Hertz,
    MelSpec,
    PictureSpec,
    Size,
    Spec,
    TopDb,
)

Positive = Annotated[float, Field(gt=0)]
Relative = Literal["clip", "minmax", "row"]  # scales of what is not in dB below the loudest cell


class DeltaSpec(FeatureSpec):
    """A log-mel spectrogram with its change over time as further channels."""

    title = "log-mel with deltas"
    front_end = "esc50.audio.front_ends.logmel.LogMelDeltas"

    deltas: Literal[1, 2] = 2
    delta_width: Annotated[int, Field(ge=3)] = 9
    standardise: Relative = "clip"

    def _check_filters(self) -> None:
        super()._check_filters()
        if self.delta_width % 2 == 0 or self.delta_width > self.n_frames:
            raise ValueError(
                f"features.delta_width={self.delta_width} is invalid: an odd number of at most "
                f"{self.n_frames}, the frames of a clip"
            )

    @property
    def in_channels(self) -> int:
        """The log-mel and its deltas."""
        return 1 + self.deltas


class MfccSpec(FeatureSpec):
    """Mel-frequency cepstral coefficients: the cosine transform of a log-mel's columns."""

    title = "MFCC"
    front_end = "esc50.audio.front_ends.logmel.Mfcc"
    rows_key = "n_mfcc"

    n_mfcc: Size = 40
    lifter: Annotated[float, Field(ge=0)] = 0.0
    height: Size = 40
    standardise: Relative = "row"

    def _check_filters(self) -> None:
        super()._check_filters()
        if self.n_mfcc > self.n_mels:
            raise ValueError(
                f"features.n_mfcc={self.n_mfcc} is more than features.n_mels={self.n_mels}: the "
                "cosine transform of so many values has no more"
            )

    @property
    def n_rows(self) -> int:
        """Coefficients."""
        return self.n_mfcc

    @property
    def log_mel(self) -> FeatureSpec:
        """The log-mel by which people look at a clip: that of other kinds which are none."""
        return super(FeatureSpec, self).log_mel


class PcenSpec(MelSpec):
    """Per-channel energy normalisation of a mel spectrogram: gain control instead of a logarithm.

    Wang et al., Trainable frontend for robust and far-field keyword spotting, 2017.
    """

    title = "PCEN"
    front_end = "esc50.audio.front_ends.logmel.Pcen"

    scale: Positive = 2.0**31
    gain: Positive = 0.98
    bias: Positive = 2.0
    power: Positive = 0.5
    time_constant: Positive = 0.4
    eps: Positive = 1e-6
    standardise: Relative = "clip"


class LinearSpec(BandedSpec):
    """A spectrogram in decibels whose rows are the bins of the Fourier transform, without filters.

    The augmentation works on all its bins: of each clip the cache holds n_fft / 2 + 1 rows.
    """

    title = "linear-frequency spectrogram"
    front_end = "esc50.audio.front_ends.front_end.BandedFrontEnd"
    rows_key = "n_fft"

    top_db: TopDb = 80.0

    def _check_filters(self) -> None:
        super()._check_filters()
        if not self.n_filters:
            raise ValueError(
                f"features.fmin={self.fmin} and features.fmax={self.fmax} leave no frequency of "
                f"features.n_fft={self.n_fft}"
            )

    @property
    def centres(self) -> np.ndarray:
        """Frequencies of the rows in Hz: those of the bins from fmin to fmax."""
        return self.bin_hz[(self.bin_hz >= self.fmin) & (self.bin_hz <= self.fmax_hz)]

    @property
    def n_filters(self) -> int:
        """Bins from fmin to fmax."""
        return len(self.centres)

    @property
    def edges(self) -> np.ndarray:
        """Every bin is a band of its own."""
        return np.arange(len(self.bin_hz) + 1)

    def filters(self, ratio: float = 1.0) -> np.ndarray:
        """Rows of the sound with all frequencies times `ratio`: (n_filters, n_fft // 2 + 1)."""
        return bin_filters(self.bin_hz, self.centres, ratio)


class CqtSpec(PictureSpec):
    """A constant-Q transform in decibels: rows that lie evenly on the scale of musical pitch.

    Its low rows are computed from long stretches of sound, which the augmentation's spectrum of
    short windows does not hold: it takes augment=none.
    """

    title = "constant-Q transform"
    front_end = "esc50.audio.front_ends.cqt.ConstantQ"
    rows_key = "n_bins"

    fmin: Annotated[Hertz, Field(gt=0)] = 65.40639132514966
    n_bins: Size = 96
    bins_per_octave: Size = 12
    top_db: TopDb = 80.0
    height: Size = 96

    def _check_filters(self) -> None:
        highest = self.frequencies[-1] * (1 + 1 / self.quality)
        if highest > self.sample_rate / 2:
            raise ValueError(
                f"features.n_bins={self.n_bins} from features.fmin={self.fmin} Hz reach "
                f"{highest:.0f} Hz, beyond half the sample rate: lower one of them"
            )
        if self.window > 2**17:
            raise ValueError(
                f"features.fmin={self.fmin} and features.bins_per_octave={self.bins_per_octave} "
                f"take windows of {self.window} samples: raise the one or lower the other"
            )

    @property
    def n_rows(self) -> int:
        """Frequencies."""
        return self.n_bins

    @property
    def frequencies(self) -> np.ndarray:
        """Centres of the rows in Hz: (n_bins,)."""
        return self.fmin * 2.0 ** (np.arange(self.n_bins) / self.bins_per_octave)

    @property
    def quality(self) -> float:
        """Frequency in relation to bandwidth, which is the distance of the neighbours' middle."""
        ratio = 2.0 ** (2 / self.bins_per_octave)
        return (ratio + 1) / (ratio - 1)

    @property
    def window(self) -> int:
        """Samples that a frame is computed from: the longest filter's, as a power of two."""
        longest = self.quality * self.sample_rate / self.fmin
        return int(2 ** np.ceil(np.log2(longest)))


class MfccZcrSpec(PictureSpec):
    """MFCCs without the 0th, and the zero-crossing rate, frame by frame and as they are.

    Where sound crosses zero no spectrum tells, so it takes augment=none. A picture has all frames
    and rows, whatever they are: there is no size to set.
    """

    title = "MFCC and zero-crossing rate"
    front_end = "esc50.audio.front_ends.mfcc_zcr.MfccZcr"
    rows_key = "n_mfcc"

    n_fft: Annotated[int, Field(ge=16, le=2**17)] = 2048
    n_mels: Annotated[int, Field(ge=1, le=4096)] = 128
    fmin: Hertz = 0.0
    fmax: Hertz | None = None
    top_db: TopDb = 80.0
    n_mfcc: Size = 12
    standardise: Literal["none"] = "none"  # type: ignore[assignment]

    @model_validator(mode="before")
    @classmethod
    def _as_large_as_it_is(cls, values: dict[str, Any]) -> dict[str, Any]:
        own = {key: field.default for key, field in cls.model_fields.items()} | values
        for key in ("frames", "height", "width"):
            if key in values:
                raise ValueError(f"features.{key} is not a setting of {cls.title}: it shows all")
        try:
            frames = 1 + round(own["seconds"] * own["sample_rate"]) // own["hop_length"]
            return values | {"frames": frames, "width": frames, "height": own["n_mfcc"] + 1}
        except (TypeError, ZeroDivisionError, OverflowError):
            return values  # of which the fields' own checks will say what is wrong

    def _check_filters(self) -> None:
        try:
            _ = self.mfcc
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    @property
    def mfcc(self) -> MfccSpec:
        """The MFCCs with the 0th, which is left out of the picture."""
        keys = ("sample_rate", "seconds", "hop_length", "n_fft", "n_mels", "fmin", "fmax", "top_db")
        own: dict[str, Any] = {key: getattr(self, key) for key in keys}
        own |= {"frames": self.n_frames, "width": self.n_frames}
        return MfccSpec(**own, n_mfcc=self.n_mfcc + 1, height=self.n_mfcc + 1)

    @property
    def n_rows(self) -> int:
        """Coefficients, and the zero-crossing rate."""
        return self.n_mfcc + 1

    @property
    def window(self) -> int:
        """Samples that a frame is computed from."""
        return self.n_fft


class WaveformSpec(Spec):
    """The samples themselves, as one row: for networks that hear.

    Augmentation works on spectra, which these do not hold: they take augment=none.

    Attributes:
        standardise: clip, to zero mean and unit variance (Wav2Vec2FeatureExtractor's
            do_normalize); None, as they are, full scale being 1.
    """

    title = "waveform"
    front_end = "esc50.audio.front_ends.waveform.Waveform"

    sample_rate: Annotated[int, Field(ge=1000, le=768_000)] = 16000
    standardise: Literal["clip"] | None = "clip"

    @property
    def shape(self) -> tuple[int, int, int]:
        """One row of samples."""
        return 1, 1, self.n_samples


# What a checkpoint may name without being trusted.
KINDS = tuple(
    f"{kind.__module__}.{kind.__name__}"
    for kind in (
        *(FeatureSpec, DeltaSpec, MfccSpec, PcenSpec, LinearSpec, CqtSpec),
        *(AbsoluteSpec, WhisperSpec, KaldiSpec, MfccZcrSpec, WaveformSpec),
    )
)

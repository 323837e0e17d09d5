"""What the features are: rate, window, filters, size. Known before torch is needed."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from esc50.audio.front_ends.filters import band_edges, mel_filters, mel_points
from esc50.config.schema.settings import Settings
from esc50.config.targets import locate
from esc50.errors import UserError

Size = Annotated[int, Field(ge=1)]
Hertz = Annotated[float, Field(ge=0)]
TopDb = Annotated[float, Field(ge=1e-3)]
PADDING = 1.2  # the published 500 frames for 431 are within it


class Spec(Settings):
    """What shapes the network's input, whatever its kind: the keys of conf/features/.

    A kind is a subclass, named by the section's `_target_`, that says which front end computes it.
    """

    title: ClassVar[str]  # what it is called
    front_end: ClassVar[str]  # the class that computes it: a `FrontEnd` of audio/front_ends/
    added_keys: ClassVar[tuple[str, ...]] = ("channel",)  # newer than caches that stay valid

    sample_rate: Annotated[int, Field(ge=1000, le=768_000)] = 44100
    seconds: Annotated[float, Field(ge=0.05, le=3600)] = 5.0
    repeat_below: Annotated[float, Field(ge=1)] | None = None
    channel: Size | Literal["loudest"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: dict[str, Any]) -> dict[str, Any]:
        # NumPy's numbers are numbers, whatever pydantic's strictness makes of them.
        return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the network sees."""
        raise NotImplementedError

    @property
    def n_samples(self) -> int:
        """Samples of one clip."""
        return round(self.seconds * self.sample_rate)

    @property
    def key(self) -> dict[str, Any]:
        """What names features in the cache: settings newer than it count where they are set."""
        kind = type(self).__name__
        if not self.__module__.startswith("esc50."):  # one's own may have the name of another
            kind = f"{self.__module__}.{kind}"
        named = {"kind": kind} if kind != FeatureSpec.__name__ else {}
        settings = self.model_dump().items()
        return named | {k: v for k, v in settings if v is not None or k not in self.added_keys}

    @property
    def log_mel(self) -> "FeatureSpec":
        """The log-mel by which people look at a clip, and the audit finds near-duplicates.

        Its own where the features' first channel is one; otherwise of windows of 46 ms, with as
        many cells as the default has.
        """
        n_fft = 2 ** round(np.log2(self.sample_rate * 2048 / 44100))
        size = min(128, n_fft // 4)
        whole: dict[str, Any] = {"sample_rate": self.sample_rate, "seconds": self.seconds}
        whole |= {"repeat_below": self.repeat_below, "channel": self.channel}
        frames = 1 + self.n_samples // (n_fft // 4)
        return FeatureSpec(
            **whole,
            n_fft=n_fft,
            hop_length=n_fft // 4,
            n_mels=size,
            height=size,
            frames=frames,
            width=min(128, frames),
        )

    @property
    def picture(self) -> "PictureSpec":
        """What people are shown of the network's input: the log-mel where it is no picture."""
        return self.log_mel

    @property
    def remarks(self) -> list[str]:
        """What is likely not meant, in sentences."""
        return []


class PictureSpec(Spec):
    """Kinds that are pictures: rows over time, resized to `height` and `width`."""

    rows_key: ClassVar[str]  # the key that says how many rows there are
    centred: ClassVar[bool] = True  # whether 0 is an average cell

    hop_length: Annotated[int, Field(ge=1, le=2**17)] = 512
    frames: Size = 500
    height: Size = 128
    width: Size = 128
    standardise: Literal["clip", "fixed", "minmax", "row"] = "clip"

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        self._check_filters()
        if self.width > self.frames or self.height > self.n_rows:
            raise ValueError(
                f"features.height={self.height} and features.width={self.width} must not exceed"
                f" features.{self.rows_key}={self.n_rows} and features.frames={self.frames}:"
                " area interpolation only makes a picture smaller; a lower features.hop_length"
                " makes more frames of a short clip"
            )
        return self

    def _check_filters(self) -> None:
        """Raise ValueError where a kind's own settings do not go together."""

    @property
    def n_rows(self) -> int:
        """Rows of a picture before it is resized to `height`."""
        raise NotImplementedError

    @property
    def window(self) -> int:
        """Samples that a frame is computed from."""
        raise NotImplementedError

    @property
    def in_channels(self) -> int:
        """Pictures of a clip that lie behind one another, as red, green and blue do."""
        return 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what the network sees."""
        return self.in_channels, self.height, self.width

    @property
    def n_frames(self) -> int:
        """Frames of one clip's spectrogram, the first and last centred on its ends."""
        return 1 + self.n_samples // self.hop_length

    @property
    def picture(self) -> "PictureSpec":
        """Itself."""
        return self

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
        return said


class BandedSpec(PictureSpec):
    """Kinds whose rows begin as sums of the power at FFT bins: what augmentation can follow."""

    n_fft: Annotated[int, Field(ge=16, le=2**17)] = 2048
    fmin: Hertz = 0.0
    fmax: Hertz | None = None

    def _check_filters(self) -> None:
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

    @property
    def window(self) -> int:
        """Samples that a frame is computed from."""
        return self.n_fft

    @property
    def fmax_hz(self) -> float:
        """Highest frequency in Hz."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def bin_hz(self) -> np.ndarray:
        """Centre frequency of each FFT bin in Hz: (n_fft // 2 + 1,)."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate)

    @property
    def n_filters(self) -> int:
        """How many sums of bins there are."""
        raise NotImplementedError

    @property
    def n_rows(self) -> int:
        """Rows of a picture before it is resized to `height`."""
        return self.n_filters

    @property
    def edges(self) -> np.ndarray:
        """First FFT bin of each band, and their number at the end: (n_bands + 1,)."""
        raise NotImplementedError

    @property
    def n_bands(self) -> int:
        """Rows of the banded spectrogram that the augmentation works on."""
        return len(self.edges) - 1

    def filters(self, ratio: float = 1.0) -> np.ndarray:
        """Filters of the sound with all frequencies times `ratio`: (n_filters, n_fft // 2 + 1)."""
        raise NotImplementedError


class MelSpec(BandedSpec):
    """Kinds that are made of a mel spectrogram."""

    rows_key = "n_mels"

    n_mels: Annotated[int, Field(ge=1, le=4096)] = 128
    bands_per_mel: Size = 2

    def _check_filters(self) -> None:
        super()._check_filters()
        if self.n_mels > self.n_fft // 2 + 1:
            raise ValueError(
                f"features.n_mels={self.n_mels} is more than features.n_fft={self.n_fft} has"
                f" frequencies: set at most n_fft / 2 + 1 = {self.n_fft // 2 + 1}"
            )

    @property
    def n_filters(self) -> int:
        """How many mel filters there are."""
        return self.n_mels

    @property
    def edges(self) -> np.ndarray:
        """First FFT bin of each band, and their number at the end: (n_bands + 1,)."""
        points = mel_points(self.n_mels, self.fmin, self.fmax_hz)
        return band_edges(len(self.bin_hz), self.bin_hz[1], points, self.bands_per_mel)

    def filters(self, ratio: float = 1.0) -> np.ndarray:
        """Mel filters of the sound with all frequencies times `ratio`: (n_mels, n_fft // 2 + 1)."""
        return mel_filters(self.bin_hz * ratio, self.n_mels, self.fmin, self.fmax_hz)

    @property
    def remarks(self) -> list[str]:
        """What is likely not meant, in sentences."""
        said = super().remarks
        empty = int((self.filters().max(axis=1) == 0).sum())
        if empty:
            said.append(
                f"{empty} of features.n_mels={self.n_mels} filters are empty: they are narrower "
                f"than the bins of features.n_fft={self.n_fft}; lower the one or raise the other"
            )
        return said


class FeatureSpec(MelSpec):
    """librosa's log-mel spectrogram, the kind that all began with."""

    title = "log-mel"
    front_end = "esc50.audio.front_ends.logmel.LogMel"

    top_db: TopDb = 80.0

    @property
    def log_mel(self) -> "FeatureSpec":
        """Itself."""
        return self


def make_spec(section: Mapping[str, Any]) -> Spec:
    """Read the kind of features that a `features` section names by its `_target_`.

    Raises:
        UserError: it names no kind, or a key is wrong.
    """
    target = section.get("_target_", f"{__name__}.{FeatureSpec.__name__}")
    kind: Any = locate("features", target)
    if not (isinstance(kind, type) and issubclass(kind, Spec) and hasattr(kind, "front_end")):
        raise UserError(
            f"features._target_={target} is invalid: it takes a subclass of {__name__}.Spec"
        )
    return kind.parse("features", section)

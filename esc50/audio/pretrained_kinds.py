"""Kinds of features that pretrained audio networks know: log-mels on a scale that clips share."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from esc50.audio.front_ends.filters import band_edges, mel_filters
from esc50.audio.spec import MelSpec, Size

Seconds = Annotated[float, Field(gt=0, le=3600)]


class AbsoluteSpec(MelSpec):
    """A log-mel spectrogram in dB of full scale, 1e-10 being the least power: PANNs', CLAP's.

    Its frames are centred, the clip mirrored at its ends; nothing is standardised.
    """

    title = "log-mel in dB of full scale"
    centred = False
    front_end = "esc50.audio.front_ends.pretrained.AbsoluteLogMel"

    mel_scale: Literal["slaney", "htk"] = "slaney"
    fill_seconds: Seconds | None = None
    standardise: Literal["fixed"] = "fixed"

    def _check_filters(self) -> None:
        super()._check_filters()
        if self.n_filled <= 2 * self.n_fft:
            raise ValueError(
                f"features.seconds={self.seconds:g} is {self.n_samples} samples, which cannot be "
                f"mirrored by features.n_fft={self.n_fft}: lower it or raise features.seconds"
            )

    @property
    def n_filled(self) -> int:
        """Samples after the clip was repeated, as often as it fits whole, and padded."""
        return max(self.n_samples, round((self.fill_seconds or 0) * self.sample_rate))

    @property
    def n_frames(self) -> int:
        """Frames of the spectrogram, the first and last centred on the sound's ends."""
        return 1 + self.n_filled // self.hop_length

    @property
    def edges(self) -> np.ndarray:
        """First FFT bin of each band, and their number at the end: (n_bands + 1,)."""
        if self.mel_scale == "slaney":
            return super().edges
        points = _htk_points(self.n_mels, self.fmin, self.fmax_hz, 2595 / np.log(10))
        return band_edges(len(self.bin_hz), self.bin_hz[1], points, self.bands_per_mel)

    def filters(self, ratio: float = 1.0) -> np.ndarray:
        """Filters of the sound with all frequencies times `ratio`: (n_mels, n_fft // 2 + 1).

        slaney: librosa's; htk: torchaudio's and librosa's with htk=True, norm=None.
        """
        hz = self.bin_hz * ratio
        if self.mel_scale == "slaney":
            return mel_filters(hz, self.n_mels, self.fmin, self.fmax_hz)
        return _triangles(hz, _htk_points(self.n_mels, self.fmin, self.fmax_hz, 2595 / np.log(10)))


class WhisperSpec(AbsoluteSpec):
    """Whisper's log-mel, as `WhisperFeatureExtractor` has it: no cell 80 dB below the loudest.

    The last frame, which is centred on the clip's end, is left out.
    """

    title = "Whisper's log-mel"
    front_end = "esc50.audio.front_ends.pretrained.WhisperLogMel"

    sample_rate: Annotated[int, Field(ge=1000, le=768_000)] = 16000
    n_fft: Annotated[int, Field(ge=16, le=2**17)] = 400
    hop_length: Annotated[int, Field(ge=1, le=2**17)] = 160
    n_mels: Annotated[int, Field(ge=1, le=4096)] = 80

    def _check_filters(self) -> None:
        super()._check_filters()
        if self.frames > self.n_frames:
            raise ValueError(
                f"features.frames={self.frames} is more than the clip's {self.n_frames}, and "
                "silence depends on the clip here: raise features.seconds or features.fill_seconds"
            )

    @property
    def n_frames(self) -> int:
        """Frames of the spectrogram, the first centred on the sound's beginning."""
        return self.n_filled // self.hop_length


class KaldiSpec(MelSpec):
    """Kaldi's log filter bank, as `torchaudio.compliance.kaldi.fbank` has it: AST's, BEATs'.

    Natural logarithm of the mel power of frames that lie whole within the clip, each without its
    mean and with its high frequencies raised; (x - mean) / (2 std), as Gong et al. (2021) do.

    Attributes:
        window_type: povey, Kaldi's own, the symmetric Hann window to the power of 0.85; None: the
            Hann window itself.
        full_scale: the number that a full-scale sample counts as, 32768 being Kaldi's 16-bit
            integers; None: 1. The least energy does not go with it, so it is no mere offset.
    """

    title = "Kaldi filter bank"
    added_keys = ("channel", "window_type", "full_scale")
    front_end = "esc50.audio.front_ends.pretrained.KaldiBank"

    sample_rate: Annotated[int, Field(ge=1000, le=768_000)] = 16000
    frame_length: Size = 400
    hop_length: Annotated[int, Field(ge=1, le=2**17)] = 160
    n_fft: Annotated[int, Field(ge=16, le=2**17)] = 512
    fmin: Annotated[float, Field(ge=0)] = 20.0
    window_type: Literal["povey"] | None = None
    full_scale: Annotated[float, Field(gt=0)] | None = None
    mean: float = -4.2677393
    std: Annotated[float, Field(gt=0)] = 4.5689974
    standardise: Literal["fixed"] = "fixed"

    def _check_filters(self) -> None:
        super()._check_filters()
        if not self.frame_length <= min(self.n_fft, self.n_samples):
            raise ValueError(
                f"features.frame_length={self.frame_length} must be at most features.n_fft="
                f"{self.n_fft} and the clip's {self.n_samples} samples"
            )

    @property
    def n_frames(self) -> int:
        """Frames that lie whole within a clip."""
        return 1 + (self.n_samples - self.frame_length) // self.hop_length

    @property
    def remarks(self) -> list[str]:
        """What is likely not meant; columns and a filter that are empty are what AST has."""
        return [said for said in super().remarks if "empty" not in said]

    @property
    def edges(self) -> np.ndarray:
        """First FFT bin of each band, and their number at the end: (n_bands + 1,)."""
        points = _htk_points(self.n_mels, self.fmin, self.fmax_hz, 1127.0)
        return band_edges(len(self.bin_hz), self.bin_hz[1], points, self.bands_per_mel)

    def filters(self, ratio: float = 1.0) -> np.ndarray:
        """Filters of the sound with all frequencies times `ratio`: (n_mels, n_fft // 2 + 1).

        Triangles on the mel scale, not in Hz; half the sample rate itself is left out.
        """
        low, high = (1127.0 * np.log1p(hz / 700) for hz in (self.fmin, self.fmax_hz))
        filters = _triangles(
            1127.0 * np.log1p(self.bin_hz * ratio / 700), np.linspace(low, high, self.n_mels + 2)
        )
        filters[:, -1] = 0.0
        return filters


def _htk_points(n_mels: int, fmin: float, fmax: float, factor: float) -> np.ndarray:
    """Corner frequencies in Hz that lie evenly on the mel scale factor * ln(1 + Hz / 700)."""
    low, high = (factor * np.log1p(hz / 700) for hz in (fmin, fmax))
    points: np.ndarray = 700 * np.expm1(np.linspace(low, high, n_mels + 2) / factor)
    return points


def _triangles(at: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Triangles of height 1 from corner to corner, read at `at`: (corners - 2, len)."""
    points: Any = corners[:, None]
    rising = (at[None] - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - at[None]) / (points[2:] - points[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))

"""Numbers about one sound file: what it is, how loud, how bright, and what is wrong with it."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from esc50.audio.files.read import open_sound, read_blocks
from esc50.audio.loudness import LOWEST_RATE, LoudnessMeter

FRAME, HOP = 2048, 512  # samples; librosa's own, and here too whatever the rate
BLOCK = 1 << 18  # frames read at a time: memory stays flat however long the file is
SILENT_DBFS = -60.0  # a frame whose RMS is below is silent
NEARLY_FULL = 0.99  # of full scale: where flat tops are clipping
FLAT = 1e-5  # a third of a 16-bit step: samples that differ by less are the same
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32}
BITS |= {"DOUBLE": 64, "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32}


@dataclass(frozen=True)
class SoundMeasures:
    """What `measure_sound` says of a file; NaN is what it has none of."""

    format: str  # libsndfile's names: WAV, FLAC, OGG, MP3
    encoding: str  # PCM_16, VORBIS
    bits: float  # per sample; of lossy formats none
    sample_rate: int  # Hz
    channels: int
    duration: float  # seconds
    centroid: float  # Hz, mean over frames
    zero_crossing_rate: float  # per sample, mean over frames
    rms: float  # mean over frames
    rms_dbfs: float  # dB of the whole, full scale 1; of digital silence none
    lufs: float  # integrated loudness; of silence and below 0.4 s none
    peak: float  # greatest absolute sample
    dc: float  # mean of the samples
    clipped: int  # samples on a flat top at full scale, or beyond it
    silent: float  # part of the frames below SILENT_DBFS
    leading_zeros: float  # seconds of digital silence at the beginning
    trailing_zeros: float  # and at the end


def measure_sound(path: Path | str, start: float = 0.0, end: float = math.inf) -> SoundMeasures:
    """Measure a sound file, or a part of it, at its own rate and length, in one reading.

    Centroid, zero-crossing rate and RMS are the means over time of `librosa.feature`'s
    spectral_centroid, zero_crossing_rate and rms of the mono sound, with librosa's defaults.

    Args:
        path: see `esc50.audio.files.read.read_sound`.
        start: seconds, where the part begins.
        end: seconds, where it ends; inf: with the file.

    Raises:
        UserError: see `esc50.audio.files.read.read_clip`.
    """
    with open_sound(path, start, end) as sound:
        rate, channels = sound.samplerate, sound.channels
        name, encoding = sound.format, sound.subtype
    meter = _Meter(rate, channels)
    for block in read_blocks(path, BLOCK, start, end):
        meter.add(block)
    return meter.result(name, encoding)


class _Meter:
    """Adds up what is asked of a sound that comes in blocks."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.samples, self.crossings = _Frames(np.float32), _Frames(np.bool_)
        self.loudness = LoudnessMeter(rate, channels) if rate >= LOWEST_RATE else None
        self.n = self.n_frames = self.silent = self.clipped = 0
        self.centroid = self.zcr = self.rms = self.sum = self.squares = self.peak = 0.0
        self.first = self.last = -1  # sample that is not zero
        self.negative = False

    def add(self, block: np.ndarray) -> None:
        """Take the next float32 (frames, channels)."""
        mono = block.mean(1) if self.channels > 1 else block[:, 0]
        level = np.abs(block)
        heard = np.any(block != 0, axis=1)
        if heard.any():
            self.first = self.first if self.first >= 0 else self.n + int(heard.argmax())
            self.last = self.n + len(heard) - 1 - int(heard[::-1].argmax())
        self.sum += float(mono.sum(dtype=np.float64))
        self.squares += float(np.square(mono, dtype=np.float64).sum())
        self.peak = max(self.peak, float(level.max()))
        if self.peak >= NEARLY_FULL:
            # One on the seam of two blocks may be missed; most clips are one block.
            self.clipped += sum(_clipped(channel) for channel in block.T)
        if self.loudness:
            self.loudness.add(block)
        negative = mono < -1e-10  # librosa takes less for zero, and zero for positive
        before = negative[0] if self.n == 0 else self.negative
        self.crossings.add(np.diff(negative, prepend=before))
        self.samples.add(mono)
        self.negative, self.n = bool(negative[-1]), self.n + len(block)
        self._add_frames()

    def _add_frames(self) -> None:
        frames, crossings = self.samples.take(), self.crossings.take()
        self.n_frames += len(frames)
        self.centroid += float(_centroids(frames, self.rate).sum())
        # A frame's first sample crosses nothing.
        crossed = _sums(crossings) - crossings[:, 0]
        self.zcr += float(crossed.sum()) / FRAME
        rms = np.sqrt(_sums(frames, squared=True) / FRAME)
        self.rms += float(rms.sum())
        self.silent += int((rms < 10 ** (SILENT_DBFS / 20)).sum())

    def result(self, name: str, encoding: str) -> SoundMeasures:
        self.samples.end()
        self.crossings.end()
        self._add_frames()
        quiet, n = self.first < 0, self.n_frames
        return SoundMeasures(
            format=name,
            encoding=encoding,
            bits=BITS.get(encoding, math.nan),
            sample_rate=self.rate,
            channels=self.channels,
            duration=self.n / self.rate,
            centroid=self.centroid / n,
            zero_crossing_rate=self.zcr / n,
            rms=self.rms / n,
            rms_dbfs=10 * math.log10(self.squares / self.n) if self.squares else math.nan,
            lufs=self.loudness.integrated() if self.loudness else math.nan,
            peak=self.peak,
            dc=self.sum / self.n,
            clipped=self.clipped,
            silent=self.silent / n,
            leading_zeros=(self.n if quiet else self.first) / self.rate,
            trailing_zeros=(self.n if quiet else self.n - 1 - self.last) / self.rate,
        )


class _Frames:
    """Cuts a stream into overlapping frames, centred as librosa's: zeros beyond both ends."""

    def __init__(self, dtype: type) -> None:
        self._left: np.ndarray = np.zeros(FRAME // 2, dtype)

    def add(self, samples: np.ndarray) -> None:
        self._left = np.concatenate([self._left, samples])

    def end(self) -> None:
        self.add(np.zeros(FRAME // 2, self._left.dtype))

    def take(self) -> np.ndarray:
        """The frames that are whole: (n, FRAME), a view."""
        n = max(0, 1 + (len(self._left) - FRAME) // HOP)
        if not n:
            return np.zeros((0, FRAME), self._left.dtype)
        frames = np.lib.stride_tricks.sliding_window_view(self._left, FRAME)[::HOP][:n]
        self._left = self._left[n * HOP :]
        return frames


def _sums(frames: np.ndarray, squared: bool = False) -> np.ndarray:
    """Sum each frame, or its squares: float64 (n,). What frames share is summed once."""
    if not len(frames):
        return np.zeros(0)
    hops = np.concatenate([frames[:, :HOP], frames[-1, HOP:].reshape(-1, HOP)])
    hops = np.square(hops, dtype=np.float64) if squared else hops
    return np.convolve(hops.sum(1, dtype=np.float64), np.ones(FRAME // HOP), mode="valid")


def _centroids(frames: np.ndarray, rate: int) -> np.ndarray:
    """Centre of gravity of each frame's magnitude spectrum in Hz; 0 of silence."""
    from scipy.fft import rfft

    magnitude = np.abs(rfft(frames * _window(), axis=1))
    total = magnitude.sum(1)
    hertz = np.fft.rfftfreq(FRAME, 1 / rate).astype(np.float32)
    return magnitude @ hertz / np.maximum(total, np.finfo(np.float32).tiny)


@cache
def _window() -> np.ndarray:
    from scipy.signal import get_window

    return get_window("hann", FRAME).astype(np.float32)


def _clipped(channel: np.ndarray) -> int:
    """Count the samples beyond full scale, and those of three and more alike close to it."""
    level = np.abs(channel)
    near = np.flatnonzero(level >= NEARLY_FULL)
    if not near.size:
        return 0
    runs = np.split(near, np.flatnonzero((np.diff(near) > 1) | (_steps(channel, near) > FLAT)) + 1)
    flat = np.zeros(len(channel), bool)
    for run in runs:
        flat[run] = len(run) >= 3
    return int((flat | (level > 1)).sum())


def _steps(channel: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(channel[at]))

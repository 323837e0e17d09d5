"""Sound files into samples: any rate, channel count and length to one mono vector."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from esc50.audio.decoders import SoundfileStream, Stream, open_streams
from esc50.errors import UserError

MP3_FRAME = 1152  # samples; an MP3's count of frames may be off by less
CANCELS = 1e-3  # of the channels' power that is left of a mean which cancels
CANCELLED = "have channels that cancel each other in their mean (features.channel=loudest)"
SILENT = "are silent"
CUT = "are longer than features.seconds and end there (data.windows=... makes clips of the rest)"
SHORT = "fill less than half of features.seconds; silence fills the rest"
CUT_SECONDS = 0.1  # a clip that is longer by less is no news: codecs fill their last frame

Channel = int | Literal["loudest"] | None


@dataclass(frozen=True)
class Sound:
    """A clip's samples, float32 (n_samples,), and what is odd about it, as ends of sentences."""

    samples: np.ndarray
    remarks: tuple[str, ...] = ()


def read_clip(path: Path | str, sample_rate: int, n_samples: int) -> np.ndarray:
    """Read the beginning of a sound file as mono at `sample_rate`: see `read_sound`."""
    return read_sound(path, sample_rate, n_samples).samples


def read_sound(
    path: Path | str,
    sample_rate: int,
    n_samples: int,
    start: float = 0.0,
    channel: Channel = None,
) -> Sound:
    """Read a part of a sound file as mono at `sample_rate`.

    Channels are averaged, another rate is resampled (soxr HQ, as `librosa.load` does),
    a short clip is zero-padded on the right and a long one cut; only what is needed is decoded.

    Args:
        path: a file in any format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, ...), or,
            where PyAV is installed, FFmpeg.
        sample_rate: Hz.
        n_samples: length of the result.
        start: seconds, where the part begins.
        channel: from 1, or "loudest"; None: the mean of all.

    Returns:
        Samples float32 (n_samples,), full scale at -1 and 1 (a float file may lie beyond).

    Raises:
        UserError: the file is missing, empty, not audio, truncated, or holds NaN or infinity.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            streams, remark = open_streams(path, file)
            remarks = [] if remark is None else [remark]
            reader = _Reader(path, sample_rate, n_samples, channel, remarks)
            clip = reader.read(streams, start)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    _check_finite(path, clip)
    if not clip.any() and CANCELLED not in remarks:
        remarks.append(SILENT)
    return Sound(clip, tuple(remarks))


def duration(path: Path | str) -> float:
    """Measure a sound file: seconds; what does not say how long it is, is decoded.

    Raises:
        UserError: see `read_sound`.
    """
    path, seconds = Path(path), 0.0
    try:
        with path.open("rb") as file:
            for stream in open_streams(path, file)[0]:
                frames = stream.frames
                if frames is None:
                    frames = sum(len(block) for block in stream.blocks(0))
                seconds += frames / stream.rate
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    return seconds


def decode(path: Path | str) -> tuple[Stream, Iterator[np.ndarray]]:
    """Open a sound file to read all of it at its own rate, block by block.

    Returns:
        What it says of itself (of sounds that follow one another, the first), and its blocks,
        float32 (frames, channels).

    Raises:
        UserError: see `read_sound`; or, from the blocks, rate or channels change on the way.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    try:
        streams = open_streams(path, file)[0]
    except OSError as error:
        file.close()
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UserError:
        file.close()
        raise
    return streams[0], _blocks(path, file, streams)


def _blocks(path: Path, file: BinaryIO, streams: list[Stream]) -> Iterator[np.ndarray]:
    first = streams[0]
    with file:
        for stream in streams:
            if (stream.rate, stream.channels) != (first.rate, first.channels):
                raise UserError(f"{path} changes its rate or channels on the way: convert it.")
            got = 0
            for block in stream.blocks(0):
                got += len(block)
                _check_finite(path, block)
                yield block
            _check_whole(path, stream, got, stream.frames or 0)


def audio_digest(path: Path | str) -> str:
    """Hash a file's bytes: BLAKE2b, 16 bytes as 32 hexadecimal digits.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None


@dataclass
class _Reader:
    """Makes one clip of a file's streams; adds to `remarks` what is odd about it."""

    path: Path
    sample_rate: int
    n_samples: int
    channel: Channel
    remarks: list[str]

    def read(self, streams: list[Stream], start: float) -> np.ndarray:
        """Decode, mix the channels, resample, pad: float32 (n_samples,)."""
        if len(streams) == 1 and not start and self._is_straight(streams[0]):
            return self._decode_straight(streams[0])
        clip, filled, longer = np.zeros(self.n_samples, np.float32), 0, False
        for stream in streams:
            skipped = round(start * stream.rate)
            if stream.frames is not None and skipped >= stream.frames and len(streams) > 1:
                start -= stream.frames / stream.rate
                continue
            missing = self.n_samples - filled
            if missing <= 0:
                longer = True
                break
            samples, more = self._mono(stream, skipped, missing)
            longer = more
            samples = samples[:missing]
            clip[filled : filled + len(samples)] = samples
            filled, start = filled + len(samples), 0.0
        if not filled:
            raise UserError(f"{self.path} is empty: it holds no samples.")
        self._note_length(filled, longer)
        return clip

    def _is_straight(self, stream: Stream) -> bool:
        plain = isinstance(stream, SoundfileStream) and bool(stream.frames)
        return plain and stream.rate == self.sample_rate and stream.channels == 1

    def _decode_straight(self, stream: Stream) -> np.ndarray:
        """Decode the ordinary case, mono at the right rate, straight into the result."""
        assert isinstance(stream, SoundfileStream) and stream.frames is not None
        clip, frames = np.empty(self.n_samples, np.float32), stream.frames
        wanted = min(self.n_samples, frames)
        got = stream.fill(clip[:wanted])
        _check_whole(self.path, stream, got, wanted)
        clip[got:] = 0
        self._note_length(got, frames > got + CUT_SECONDS * self.sample_rate)
        return clip

    def _mono(self, stream: Stream, first: int, missing: int) -> tuple[np.ndarray, bool]:
        """Up to `missing` samples from a frame on, at the wanted rate; whether more follow."""
        same = stream.rate == self.sample_rate
        needed = missing if same else _frames_for(missing, stream.rate, self.sample_rate)
        left = None if stream.frames is None else max(stream.frames - first, 0)
        wanted = needed if left is None else min(needed, left)
        if left == 0:
            return np.zeros(0, np.float32), False
        mixed = self._mix(stream, _first(stream.blocks(first), wanted))
        if left is not None:
            _check_whole(self.path, stream, len(mixed), wanted)
        extra = CUT_SECONDS * stream.rate
        more = (
            len(mixed) == needed
            if left is None
            else left > missing * stream.rate / self.sample_rate + extra
        )
        if not same and len(mixed):
            import soxr

            mixed = soxr.resample(mixed, stream.rate, self.sample_rate, quality="HQ")
        return mixed, more

    def _mix(self, stream: Stream, blocks: Iterator[np.ndarray]) -> np.ndarray:
        """One channel of the blocks: float32 (frames,)."""
        if stream.channels == 1:
            return np.concatenate([np.zeros(0, np.float32), *(block[:, 0] for block in blocks)])
        if isinstance(self.channel, int):
            if self.channel > stream.channels:
                raise UserError(
                    f"{self.path} has {stream.channels} channels: features.channel={self.channel} "
                    "is not one of them."
                )
            column = self.channel - 1
            return np.concatenate([np.zeros(0, np.float32), *(b[:, column] for b in blocks)])
        if self.channel == "loudest":
            whole = np.concatenate([np.zeros((0, stream.channels), np.float32), *blocks])
            return whole[:, int((whole.astype(np.float64) ** 2).sum(0).argmax())].copy()
        means, power, of_mean = [np.zeros(0, np.float32)], 0.0, 0.0
        for block in blocks:
            mean = block.mean(axis=1)
            power += float(np.vdot(block, block)) / stream.channels
            of_mean += float(np.vdot(mean, mean))
            means.append(mean)
        if power > 0 and of_mean < CANCELS * power:
            self.remarks.append(CANCELLED)
        return np.concatenate(means)

    def _note_length(self, filled: int, longer: bool) -> None:
        if longer:
            self.remarks.append(CUT)
        elif filled < self.n_samples / 2:
            self.remarks.append(SHORT)


def _first(blocks: Iterator[np.ndarray], wanted: int) -> Iterator[np.ndarray]:
    """The first frames of some blocks."""
    for block in blocks:
        yield block[:wanted]
        wanted -= len(block)
        if wanted <= 0:
            return


def _check_finite(path: Path, samples: np.ndarray) -> None:
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are NaN or infinite: export it again.")


def _check_whole(path: Path, stream: Stream, got: int, wanted: int) -> None:
    mp3 = isinstance(stream, SoundfileStream) and stream.sound.format == "MP3"
    if got == 0 or got + (MP3_FRAME - 1 if mp3 else 0) < wanted:
        raise UserError(f"{path} is truncated or damaged: it does not decode to its end.")


def _frames_for(n_samples: int, source_rate: int, sample_rate: int) -> int:
    """Frames at `source_rate` that suffice for `n_samples` at `sample_rate`.

    The margin is longer than half the resampling filter, so that cutting the input early does
    not show in the output.
    """
    ratio = source_rate / sample_rate
    return math.ceil(n_samples * ratio) + math.ceil(512 * max(1.0, ratio))

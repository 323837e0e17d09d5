"""Sound files into samples: any rate, channel count and length to one mono vector."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esc50.audio.files.channels import CANCELLED, Channel
from esc50.audio.files.decoders import open_streams
from esc50.audio.files.excerpt import EMPTY, Excerpt, ends_before
from esc50.audio.files.part import part_of
from esc50.audio.files.streams import Stream
from esc50.errors import UserError

SILENT = "are silent"
LOUDEST = 1e10  # 32-bit integers kept as floats reach 2e9; power of more is beyond float32


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
    end: float = math.inf,
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
        end: seconds, where the part ends, and silence begins; inf: it goes on as the file does.

    Returns:
        Samples float32 (n_samples,), full scale at -1 and 1 (a float file may lie beyond).

    Raises:
        UserError: the file is missing, empty, not audio, truncated, ends before `start`, or holds
            samples that are NaN, infinite or beyond 1e10.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            streams, remark = open_streams(path, file)
            remarks = [] if remark is None else [remark]
            reader = Excerpt(path, sample_rate, n_samples, channel, remarks)
            clip = reader.read(streams, start, end)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    check_samples(path, clip)
    if not clip.any() and CANCELLED not in remarks:
        remarks.append(SILENT)
    return Sound(clip, tuple(remarks))


@dataclass(frozen=True)
class OpenSound:
    """An open sound file.

    Attributes:
        samplerate: Hz.
        channels: how many.
        format: its container, as libsndfile or FFmpeg calls it.
        subtype: its codec.
        streams: what is decoded, one after the other.
        remark: what is odd about it, as the end of a sentence, or None.
    """

    samplerate: int
    channels: int
    format: str
    subtype: str
    streams: list[Stream]
    remark: str | None = None

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode it from beginning to end: float32 (frames, channels), of any length each."""
        for stream in self.streams:
            yield from stream.blocks(0)


@contextmanager
def open_sound(path: Path | str, start: float = 0.0, end: float = math.inf) -> Iterator[OpenSound]:
    """Open a sound file for all that is in it, or in a part of it, at its own rate.

    Args:
        path: see `read_sound`.
        start: seconds, where the part begins.
        end: seconds, where it ends; inf: with the file.

    Raises:
        UserError: see `read_sound`; or its rate or channels change midway.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            streams, remark = open_streams(path, file)
            if (start or end < math.inf) and not (streams := part_of(streams, start, end)):
                raise ends_before(path, start)
            rate, channels = streams[0].rate, streams[0].channels
            if any((stream.rate, stream.channels) != (rate, channels) for stream in streams):
                raise UserError(f"{path} changes its rate or channels midway: convert it.")
            yield OpenSound(rate, channels, streams[0].format, streams[0].subtype, streams, remark)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None


def read_blocks(
    path: Path | str, n_frames: int, start: float = 0.0, end: float = math.inf
) -> Iterator[np.ndarray]:
    """Read a sound file from beginning to end as it is: its own rate, all channels, all its length.

    Args:
        path: see `read_sound`.
        n_frames: of a block; the last one may be shorter.
        start: see `open_sound`.
        end: see `open_sound`.

    Yields:
        float32 (frames, channels).

    Raises:
        UserError: see `open_sound`.
    """
    with open_sound(path, start, end) as sound:
        held = np.zeros((0, sound.channels), np.float32)
        empty = True
        for block in sound.blocks():
            check_samples(path, block)
            held, empty = np.concatenate([held, block]), empty and not len(block)
            whole = len(held) - len(held) % n_frames
            yield from np.split(held[:whole], range(n_frames, whole, n_frames)) if whole else ()
            held = held[whole:]
        if len(held):
            yield held
        if empty:
            raise ends_before(path, start) if start else UserError(f"{path} {EMPTY}.")


def check_samples(name: Path | str, samples: np.ndarray) -> None:
    """Refuse samples that no sound has.

    Raises:
        UserError: some are NaN, infinite or of no loudness that there is.
    """
    # Written this way round, NaN does not pass. Which of them it was is not known any more: what
    # is too large for float32 has become infinite, and the mean of infinite channels NaN.
    if not (samples.min(initial=0) >= -LOUDEST and samples.max(initial=0) <= LOUDEST):
        raise UserError(
            f"{name} holds samples that are NaN, infinite or beyond {LOUDEST:g}, where 1 is full "
            "scale: export it again."
        )


def duration(path: Path | str, at_most: float = math.inf) -> float:
    """Measure a sound file: seconds; what does not say how long it is, is decoded.

    Args:
        path: see `read_sound`.
        at_most: seconds behind which no more is decoded: it is longer than that.

    Raises:
        UserError: see `read_sound`.
    """
    with open_sound(path) as sound:
        frames, most = 0, at_most * sound.samplerate
        for stream in sound.streams:
            if stream.frames is not None:
                frames += stream.frames
                continue
            blocks = stream.blocks(0)
            while frames <= most and (block := next(blocks, None)) is not None:
                frames += len(block)
        return frames / sound.samplerate


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

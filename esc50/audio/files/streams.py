"""A sound as a stream of blocks of frames, decoded by libsndfile or by FFmpeg."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from esc50.audio.files.containers import View
from esc50.errors import UserError

BLOCK = 1 << 16  # frames decoded at a time, of all channels together
MP3_FRAME = 1152  # samples; an MP3's count of frames may be off by less
MP3_MEMORY = 10 * MP3_FRAME  # before a frame: what it borrows bits from, and overlaps with
SOUGHT = ("IMA_ADPCM", "MS_ADPCM", "ALAC_")  # codecs of unknown length whose places are exact
AHEAD = 1.0  # seconds before a frame that FFmpeg is to decode: what codecs need to come into step
MAX_ERRORS = 1000  # in a row: each passes over a packet, or over the kilobyte libsndfile searches
LATE = 0.25  # seconds; by less a sound may end before its container does: a codec's frame or two


def damaged(path: Path) -> UserError:
    """Say of a file that it cannot be decoded as far as it should."""
    return UserError(
        f"{path} is truncated or damaged: it does not decode to its end; get it again or "
        "convert it."
    )


class Stream(Protocol):
    """One sound: its rate in Hz, its channels, and its length in frames, None where unknown.

    A known length is exact: a stream that ends before it is damaged.

    Raises:
        UserError: while it is decoded, where it is truncated or damaged.
    """

    @property
    def rate(self) -> int:
        """Frames in a second."""

    @property
    def channels(self) -> int:
        """How many there are."""

    @property
    def frames(self) -> int | None:
        """How many there are, if that is known."""

    @property
    def format(self) -> str:
        """Its container, as its decoder calls it."""

    @property
    def subtype(self) -> str:
        """Its codec, as its decoder calls it."""

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on to the end: float32 (n, channels) each."""


@dataclass
class SoundfileStream:
    """What libsndfile reads."""

    path: Path
    sound: soundfile.SoundFile
    frames: int | None
    view: View | None = None  # what libsndfile reads instead of the file
    at: int = 0  # the frame that is decoded next

    @property
    def rate(self) -> int:
        """Frames in a second."""
        return self.sound.samplerate

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.sound.channels

    @property
    def format(self) -> str:
        """Its container."""
        return str(self.sound.format)

    @property
    def subtype(self) -> str:
        """Its codec."""
        return str(self.sound.subtype)

    def fill(self, samples: np.ndarray) -> int:
        """Decode into float32 (n,) or (n, channels); returns how many frames there were.

        Raises:
            UserError: it does not decode any further, or ends before it should.
        """
        try:
            got = self._decode(samples)
        except RuntimeError:
            raise damaged(self.path) from None
        self.at += got
        if got < len(samples) and self._is_cut(got):
            raise damaged(self.path)
        return got

    def _is_cut(self, got: int) -> bool:
        """Whether it should not have ended where it has."""
        if self.frames is not None:
            missing = self.frames - self.at
            return missing > (MP3_FRAME - 1 if self.format == "MP3" and self.at else 0)
        # A damaged MP3 may look as if another sound began there, before which libsndfile stops.
        return not got and self.view is not None and self.view.at < self.view.size

    def _decode(self, samples: np.ndarray) -> int:
        if self.format == "MP3":
            return self._decode_mp3(samples)
        if self.subtype != "PCM_16":
            return len(self.sound.read(out=samples))
        # libsndfile's own conversion, sample by sample, takes four times as long as this.
        whole = self.sound.read(len(samples), dtype="int16", always_2d=samples.ndim == 2)
        np.multiply(whole, np.float32(1 / 32768), out=samples[: len(whole)])
        return len(whole)

    def _decode_mp3(self, samples: np.ndarray) -> int:
        """Pass over what is no frame at the end: half of one where a stream was cut, tags, zeros.

        Raises:
            RuntimeError: sound follows it, so that it is damage.
        """
        samples.fill(np.nan)  # how much of it was decoded before an error, nothing else tells
        try:
            return len(self.sound.read(out=samples))
        except RuntimeError as error:
            got = int(np.append(np.isnan(samples.reshape(len(samples), -1)[:, 0]), True).argmax())
            behind = np.empty((MP3_FRAME, self.channels), np.float32)
            for _ in range(MAX_ERRORS):
                with suppress(RuntimeError):
                    if len(self.sound.read(out=behind)):
                        break
                    return got
            raise error

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on."""
        size = max(BLOCK // self.channels, 1)
        if first and self.frames is None and self.subtype.startswith(SOUGHT):
            with suppress(RuntimeError):  # beyond what it takes for the end: decoded up to there
                self.at = self.sound.seek(first)
                first = 0
        elif first and self.frames is not None:
            place = max(first - MP3_MEMORY, 0) if self.format == "MP3" else first
            try:
                self.at = self.sound.seek(place)
            except RuntimeError:  # it cannot find that place
                raise damaged(self.path) from None
            first -= place
        while True:
            block = np.empty((size, self.channels), np.float32)
            got = self.fill(block)
            if not got:
                return
            yield block[min(first, got) : got]
            first = max(first - got, 0)


class AvStream:
    """The first audio track of what FFmpeg reads, by PyAV."""

    frames = None  # containers give it in milliseconds, if at all

    def __init__(self, path: Path, container: Any, track: Any):
        """Take an open container and its track."""
        self.path, self.container, self.track = path, container, track
        self.rate = int(track.rate)
        self.channels = int(track.codec_context.channels)
        self.format, self.subtype = str(container.format.name), str(track.codec_context.name)

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on."""
        from av import AudioResampler

        plain = AudioResampler(format="fltp", layout=self.track.layout, rate=self.rate)
        end = 0.0
        first -= self._sought(first)
        for frame in self._frames():
            if frame is not None and frame.time is not None:
                end = frame.time + frame.samples / self.rate
            for part in plain.resample(frame):
                block = np.ascontiguousarray(part.to_ndarray().T)
                yield block[min(first, len(block)) :]
                first = max(first - len(block), 0)
        if end + LATE < self._promised():
            raise damaged(self.path)

    def _sought(self, first: int) -> int:
        """Go near a frame, and say from which one on will be decoded; 0 where none can be found.

        Only where the container counts time in frames (m4a, mp4, mov) is a place in it exact. What
        AAC itself draws at random, in the place of noise, is another draw then.
        """
        ahead = int(AHEAD * self.rate)
        if first <= 2 * ahead or self.track.time_base != Fraction(1, self.rate):
            return 0
        from av import FFmpegError

        with suppress(FFmpegError, StopIteration, TypeError):  # the latter: of frames without times
            begins = next(self.container.decode(self.track)).pts
            self.container.seek(begins + first - ahead, stream=self.track)
            found = next(self.container.decode(self.track)).pts - begins
            if 0 <= found <= first:
                self.container.seek(begins + first - ahead, stream=self.track)  # once more to there
                return int(found)
        try:
            self.container.seek(0, stream=self.track)
        except FFmpegError:
            raise damaged(self.path) from None
        return 0

    def _frames(self) -> Iterator[Any]:
        """What FFmpeg decodes, and None behind it; of half a packet at the very end, nothing."""
        from av import FFmpegError

        errors = 0
        while True:
            try:
                for frame in self.container.decode(self.track):
                    if errors:
                        raise damaged(self.path)
                    yield frame
            except FFmpegError:
                errors += 1
                if errors > MAX_ERRORS:
                    raise damaged(self.path) from None
            else:
                yield None
                return

    def _promised(self) -> float:
        """Seconds at which its container ends, if it says so; without an error it may end before.

        Only of Matroska, which FFmpeg leaves without a word where it is damaged or cut; of a film
        the picture may be longer than the sound.
        """
        alone = len(self.container.streams) == 1 and self.format == "matroska,webm"
        return (self.container.duration or 0) / 1e6 if alone else 0.0

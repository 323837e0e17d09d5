"""Sound files into blocks of frames: by libsndfile, and what it does not read by PyAV."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
import soundfile

from esc50.audio.containers import View, examine, long_mp3, mp3_is_counted
from esc50.errors import UserError

BLOCK = 1 << 16  # frames decoded at a time, of all channels together
MAX_RATE = 2_000_000  # Hz; more is damage, and would ask for gigabytes
UNKNOWN = 1 << 62  # frames that libsndfile gives a stream whose length it does not know
# Of FFmpeg's formats, containers of sound and film: a playlist would have it open other files.
FORMATS = "aac,ac3,amr,ape,asf,avi,matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegts,ogg,wav,mp3,wv,tta"
LINEAR = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # codecs of as many samples as bytes say


class Stream(Protocol):
    """One sound: its rate in Hz, its channels, and its length in frames, None where unknown.

    A known length is exact: a stream that ends before it is damaged.
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
        """Decode from a frame on: float32 (n, channels) each, until the sound or its codec ends."""


_Stream = TypeVar("_Stream", bound=Stream)


class _Forward(soundfile.SoundFile):
    """A sound file that is read from one end to the other.

    soundfile seeks after each block it reads, which fails at the end of what has no length.
    """

    def seekable(self) -> bool:
        return False


@dataclass
class SoundfileStream:
    """What libsndfile reads."""

    sound: soundfile.SoundFile
    frames: int | None

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
        """Decode into float32 (n,) or (n, channels); returns how many frames there were."""
        try:
            if self.sound.subtype != "PCM_16":
                return len(self.sound.read(out=samples))
            # libsndfile's own conversion, sample by sample, takes four times as long as this.
            several = samples.ndim == 2
            whole = self.sound.read(len(samples), dtype="int16", always_2d=several)
        except RuntimeError:  # it does not decode any further
            return 0
        np.multiply(whole, np.float32(1 / 32768), out=samples[: len(whole)])
        return len(whole)

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on."""
        size = max(BLOCK // self.channels, 1)
        if first and self.frames is not None:
            try:
                self.sound.seek(first)
            except RuntimeError:  # it cannot find that place
                return
            first = 0
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

    def __init__(self, container: Any, track: Any):
        """Take an open container and its track."""
        self.container, self.track = container, track
        self.rate = int(track.rate)
        self.channels = int(track.codec_context.channels)
        self.format, self.subtype = str(container.format.name), str(track.codec_context.name)

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame on."""
        from av import AudioResampler, FFmpegError

        plain = AudioResampler(format="fltp", layout=self.track.layout, rate=self.rate)
        packets = self.container.decode(self.track)
        while True:
            try:
                frame = next(packets, None)
            except FFmpegError:  # it does not decode any further
                return
            for part in plain.resample(frame):
                block = np.ascontiguousarray(part.to_ndarray().T)
                yield block[min(first, len(block)) :]
                first = max(first - len(block), 0)
            if frame is None:
                return


def open_streams(path: Path, file: BinaryIO) -> tuple[list[Stream], str | None]:
    """Open the sounds that follow one another in a file (one, but for chained Ogg).

    Args:
        path: the file.
        file: the same, open.

    Returns:
        The streams, and a remark on what is odd about the file, or None.

    Raises:
        UserError: it is empty, truncated, or of no format that is read.
    """
    container = examine(path, file)
    try:
        if not container.extents:
            sound = _Forward(path)
            if sound.format == "MP3" and not mp3_is_counted(file):
                sound.close()
                sound = _Forward(View(file, long_mp3(file).extents[0]))
                return [_sane(path, SoundfileStream(sound, None))], container.remark
            return [_sane(path, SoundfileStream(sound, _length(sound)))], container.remark
        sounds = [_Forward(View(file, extent)) for extent in container.extents]
    except (RuntimeError, TypeError):  # TypeError: headerless formats, known by their suffix
        file.seek(0)
        if file.read(12)[8:] in (b"WAVE", b"AIFF", b"AIFC"):  # damaged: FFmpeg would search it all
            raise UserError(
                f"{path} is damaged, or holds a codec that libsndfile does not read: convert it."
            ) from None
        return [_open_av(path)], None
    streams: list[Stream] = [_sane(path, SoundfileStream(s, _length(s))) for s in sounds]
    return streams, container.remark


def _length(sound: soundfile.SoundFile) -> int | None:
    """Frames, where libsndfile knows better than to estimate them."""
    codec = str(sound.subtype)
    exact = sound.format in ("FLAC", "OGG", "MP3") or codec.startswith(LINEAR)
    return int(sound.frames) if exact and sound.frames < UNKNOWN else None


def _sane(path: Path, stream: _Stream) -> _Stream:
    if not 0 < stream.rate <= MAX_RATE:
        raise UserError(f"{path} is damaged: it has a sample rate of {stream.rate} Hz.")
    return stream


def _open_av(path: Path) -> AvStream:
    """Open what libsndfile does not read. Raises UserError where PyAV does not either."""
    reason = f"{path} is not audio in a format that libsndfile reads"
    try:
        import av
    except ModuleNotFoundError:
        raise UserError(
            f"{reason}. If it is AAC or a film: pip install 'esc50[av]', or convert it."
        ) from None
    try:
        container = av.open(
            str(path), metadata_errors="ignore", options={"format_whitelist": FORMATS}
        )
    except (av.FFmpegError, ValueError):
        raise UserError(f"{reason}, nor one that FFmpeg reads.") from None
    if not container.streams.audio:
        raise UserError(f"{path} holds no sound: it has no audio track.")
    track = container.streams.audio[0]
    if getattr(track, "codec_context", None) is None or not track.codec_context.channels:
        raise UserError(f"{path} holds sound of a codec that FFmpeg does not read, or is damaged.")
    return _sane(path, AvStream(container, track))

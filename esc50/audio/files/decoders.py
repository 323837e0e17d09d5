"""Sound files opened: by libsndfile, and what it does not read by PyAV."""

from pathlib import Path
from typing import BinaryIO, TypeVar

import soundfile

from esc50.audio.files.containers import View, examine, long_mp3, mp3_is_counted
from esc50.audio.files.streams import AvStream, SoundfileStream, Stream
from esc50.errors import UserError

MAX_RATE = 2_000_000  # Hz; more is damage, and would ask for gigabytes
UNKNOWN = 1 << 62  # frames that libsndfile gives a stream whose length it does not know
# Of FFmpeg's formats, containers of sound and film: a playlist would have it open other files.
FORMATS = "aac,ac3,amr,ape,asf,avi,matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegts,ogg,wav,mp3,wv,tta"
LINEAR = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # codecs of as many samples as bytes say

_Stream = TypeVar("_Stream", bound=Stream)


class _Forward(soundfile.SoundFile):
    """A sound file that is read from one end to the other.

    soundfile seeks after each block it reads, which fails at the end of what has no length.
    """

    def seekable(self) -> bool:
        return False


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
                view = View(file, long_mp3(file).extents[0])
                stream = SoundfileStream(path, _Forward(view), None, view)
                return [_sane(path, stream)], container.remark
            return [_sane(path, SoundfileStream(path, sound, _length(sound)))], container.remark
        sounds = [_Forward(View(file, extent)) for extent in container.extents]
    except (RuntimeError, TypeError):  # TypeError: headerless formats, known by their suffix
        file.seek(0)
        if file.read(12)[8:] in (b"WAVE", b"AIFF", b"AIFC"):  # damaged: FFmpeg would search it all
            raise UserError(
                f"{path} is damaged, or holds a codec that libsndfile does not read: convert it."
            ) from None
        return [_open_av(path)], None
    streams: list[Stream] = [_sane(path, SoundfileStream(path, s, _length(s))) for s in sounds]
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
    return _sane(path, AvStream(path, container, track))

"""Sound files into samples: any rate, channel count and length to one mono vector."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from esc50.errors import UserError

if TYPE_CHECKING:
    from soundfile import SoundFile

OGG_PAGE_MAX = 65_307  # bytes, RFC 3533 section 6: 27 + 255 + 255 * 255
MP3_FRAME = 1152  # samples; without a Xing header an MP3's length is an estimate, off by less
STREAMED = {0, 0xFFFF_FFFF}  # chunk lengths left by writers that could not seek back


def read_clip(path: Path | str, sample_rate: int, n_samples: int) -> np.ndarray:
    """Read the beginning of a sound file as mono at `sample_rate`.

    Channels are averaged, another rate is resampled (soxr HQ, as `librosa.load` does),
    a short clip is zero-padded on the right and a long one cut; only what is needed is decoded.

    Args:
        path: a file in any format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, ...).
        sample_rate: Hz.
        n_samples: length of the result.

    Returns:
        float32 (n_samples,), full scale at -1 and 1 (a float file may lie beyond).

    Raises:
        UserError: the file is missing, empty, not audio, truncated, or holds NaN or infinity.
    """
    path = Path(path)
    clip = _decode(path, sample_rate, n_samples)
    _check_finite(path, clip)
    return clip


def read_blocks(path: Path | str, n_frames: int) -> Iterator[np.ndarray]:
    """Read a sound file from beginning to end as it is: its own rate, all channels, all its length.

    Args:
        path: see `read_clip`.
        n_frames: of a block; the last one may be shorter.

    Yields:
        float32 (frames, channels).

    Raises:
        UserError: see `read_clip`.
    """
    path = Path(path)
    with open_sound(path) as sound:
        got = 0
        while True:
            samples = np.empty((n_frames, sound.channels), np.float32)
            try:
                count = _fill(samples, sound)
            except RuntimeError:
                count = 0
            if not count:
                break
            got += count
            _check_finite(path, samples[:count])
            yield samples[:count]
        _check_length(path, sound, got, sound.frames)


def open_sound(path: Path | str) -> "SoundFile":
    """Open a sound file that is whole; to be closed, as by `with`.

    Raises:
        UserError: the file is missing, empty, not audio, or truncated.
    """
    import soundfile

    path = Path(path)
    try:
        with path.open("rb") as file:
            _check_complete(path, file)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    try:
        sound = soundfile.SoundFile(path)
    except (RuntimeError, TypeError):  # TypeError: headerless formats, known by their suffix
        raise UserError(f"{path} is not audio in a format that libsndfile reads.") from None
    if sound.frames <= 0:
        sound.close()
        raise UserError(f"{path} is empty: it holds no samples.")
    return sound


def audio_digest(path: Path | str) -> str:
    """Hash a file's bytes: BLAKE2b, 16 bytes as 32 hexadecimal digits.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None


def _decode(path: Path, sample_rate: int, n_samples: int) -> np.ndarray:
    """Decode, average the channels, resample, pad; see `read_clip`."""
    with open_sound(path) as sound:
        same_rate = sound.samplerate == sample_rate
        needed = n_samples if same_rate else _frames_for(n_samples, sound.samplerate, sample_rate)
        wanted = min(needed, sound.frames)
        # The ordinary case, mono at the right rate, decodes straight into the result.
        straight = same_rate and sound.channels == 1
        shape = (n_samples,) if straight else (wanted, sound.channels)
        samples = np.empty(shape, dtype=np.float32)
        try:
            got = _fill(samples[:wanted], sound)
        except RuntimeError:
            got = 0
        _check_length(path, sound, got, wanted)
        if straight:
            samples[got:] = 0
            return samples
        samples = samples[:got, 0] if sound.channels == 1 else samples[:got].mean(axis=1)
        if not same_rate:
            samples = _resample(samples, sound.samplerate, sample_rate)
    clip = np.zeros(n_samples, dtype=np.float32)
    clip[: len(samples)] = samples[:n_samples]
    return clip


def _fill(samples: np.ndarray, sound: "SoundFile") -> int:
    """Read frames into `samples`; returns how many there were."""
    if sound.subtype != "PCM_16":
        return len(sound.read(out=samples))
    # libsndfile's own conversion, sample by sample, takes four times as long as this.
    whole = sound.read(len(samples), dtype="int16", always_2d=samples.ndim == 2)
    np.multiply(whole, np.float32(1 / 32768), out=samples[: len(whole)])
    return len(whole)


def _frames_for(n_samples: int, source_rate: int, sample_rate: int) -> int:
    """Frames at `source_rate` that suffice for `n_samples` at `sample_rate`.

    The margin is longer than half the resampling filter, so that cutting the input early does
    not show in the output.
    """
    ratio = source_rate / sample_rate
    return math.ceil(n_samples * ratio) + math.ceil(512 * max(1.0, ratio))


def _resample(samples: np.ndarray, source_rate: int, sample_rate: int) -> np.ndarray:
    import soxr

    return soxr.resample(samples, source_rate, sample_rate, quality="HQ")


def _check_finite(path: Path, samples: np.ndarray) -> None:
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are NaN or infinite: export it again.")


def _check_length(path: Path, sound: "SoundFile", got: int, wanted: int) -> None:
    slack = MP3_FRAME - 1 if sound.format == "MP3" else 0
    if got == 0 or got + slack < wanted:
        raise UserError(f"{path} is truncated or damaged: it does not decode to its end.")


def _check_complete(path: Path, file: BinaryIO) -> None:
    """Refuse files that libsndfile would silently read short."""
    head = file.read(12)
    if not head:
        raise UserError(f"{path} is empty: it holds 0 bytes.")
    size = path.stat().st_size
    truncated = False
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        truncated = not _chunk_fits(file, size, b"data", "little")
    elif head[:4] == b"FORM" and head[8:11] == b"AIF":
        truncated = not _chunk_fits(file, size, b"SSND", "big")
    elif head[:4] == b"OggS":
        truncated = not _ogg_ends(file, size)
    if truncated:
        raise UserError(f"{path} is truncated: the file ends before its sound does.")


def _chunk_fits(file: BinaryIO, size: int, name: bytes, order: Literal["little", "big"]) -> bool:
    """Whether the chunk that holds the samples ends within the file."""
    position = 12
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], order)
        if header[:4] == name:
            return length in STREAMED or position + 8 + length <= size
        position += 8 + length + length % 2
    return True  # no such chunk: the decoder says what the file is


def _ogg_ends(file: BinaryIO, size: int) -> bool:
    """Whether the last page is whole and flagged as the end of its stream (RFC 3533)."""
    file.seek(max(0, size - OGG_PAGE_MAX))
    tail = file.read()
    start = tail.rfind(b"OggS")
    if start < 0 or start + 27 > len(tail):
        return False
    segments = tail[start + 26]
    body = start + 27 + segments
    whole = body + sum(tail[start + 27 : body]) <= len(tail)
    return whole and bool(tail[start + 5] & 4)

"""Long sounds piece by piece: blocks of samples to one channel, one rate, overlapping windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esc50.audio.read import MP3_FRAME
from esc50.errors import UserError

BLOCK = 1 << 16  # frames decoded at a time


@dataclass(frozen=True)
class Window:
    """A stretch of sound as long as a clip.

    Attributes:
        start: first sample.
        end: sample behind the last one; what follows it in `samples` is padding.
        samples: float32 (n_samples,).
    """

    start: int
    end: int
    samples: np.ndarray


def windows(blocks: Iterable[np.ndarray], n_samples: int, hop: int) -> Iterator[Window]:
    """Cut overlapping windows from sound that arrives in blocks, and hold no more than one.

    The last window ends where the sound does. A sound that is shorter than a window is padded
    with zeros on the right, and one without any samples has no window.

    Args:
        blocks: float32 (n,) each, of any length.
        n_samples: length of a window.
        hop: samples from one window's beginning to the next one's, at most a window.
    """
    start = total = 0  # of the next window; samples that have come
    held = np.zeros(0, np.float32)  # the latest of them
    for block in blocks:
        held, total = np.concatenate([held, block]), total + len(block)
        while total >= start + n_samples:
            at = len(held) - (total - start)
            yield Window(start, start + n_samples, held[at : at + n_samples])
            start += hop
        held = held[-n_samples:]
    if 0 < total < n_samples:
        yield Window(0, total, np.pad(held, (0, n_samples - total)))
    elif total > start - hop + n_samples:
        yield Window(total - n_samples, total, held)


def one_channel(blocks: Iterable[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    """Average channels and resample, with the numbers of `read_clip`.

    Args:
        blocks: float32 (frames, channels) each.
        rate: theirs, Hz.
        sample_rate: wanted, Hz.

    Yields:
        float32 (n,), some of them empty.
    """
    mono = (block[:, 0] if block.shape[1] == 1 else block.mean(axis=1) for block in blocks)
    if rate == sample_rate:
        yield from mono
        return
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    for block in mono:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def decode(path: Path) -> tuple[int, Iterator[np.ndarray]]:
    """Open a sound file: its rate in Hz, and float32 (frames, channels), block by block.

    Raises:
        UserError: it is no sound; while blocks are read, it is damaged, or holds NaN or infinity.
    """
    import soundfile

    try:
        sound = soundfile.SoundFile(path)
    except (RuntimeError, TypeError):  # TypeError: headerless formats, known by their suffix
        raise UserError(f"{path} is not audio in a format that libsndfile reads.") from None

    def blocks() -> Iterator[np.ndarray]:
        with sound:
            left = sound.frames
            while left > 0:
                try:
                    block = sound.read(BLOCK, dtype="float32", always_2d=True)
                except RuntimeError:
                    block = np.zeros((0, sound.channels), np.float32)
                if not len(block):
                    break
                if not np.isfinite(block).all():
                    raise UserError(
                        f"{path} holds samples that are NaN or infinite: export it again."
                    )
                left -= len(block)
                yield block
            if left > (MP3_FRAME if sound.format == "MP3" else 0):
                raise UserError(f"{path} is truncated or damaged: it does not decode to its end.")

    return sound.samplerate, blocks()

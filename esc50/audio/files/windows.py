"""Long sounds piece by piece: blocks of samples to one rate, and overlapping windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from esc50.audio.files.channels import loudest


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
    with zeros on the right, and one without any samples has no window. Of several channels each
    window is its own loudest, as it is in training.

    Args:
        blocks: float32 (n,) or (n, channels) each, of any length.
        n_samples: length of a window.
        hop: samples from one window's beginning to the next one's, at most a window.
    """
    start = total = 0  # of the next window; samples that have come
    held: np.ndarray | None = None  # the latest of them
    for block in blocks:
        held = np.concatenate([block[:0] if held is None else held, block])
        total += len(block)
        while total >= start + n_samples:
            at = len(held) - (total - start)
            yield Window(start, start + n_samples, loudest(held[at : at + n_samples]))
            start += hop
        held = held[-n_samples:]
    if held is None:
        return
    if 0 < total < n_samples:
        yield Window(0, total, np.pad(loudest(held), (0, n_samples - total)))
    elif total > start - hop + n_samples:
        yield Window(total - n_samples, total, loudest(held))


def resampled(blocks: Iterable[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    """Resample with the numbers of `read_sound`.

    Args:
        blocks: float32 (frames,) or (frames, channels) each.
        rate: theirs, Hz.
        sample_rate: wanted, Hz.

    Yields:
        float32 of as many channels, some of them empty.
    """
    if rate == sample_rate:
        yield from blocks
        return
    import soxr

    stream, none = None, np.zeros(0, np.float32)
    for block in blocks:
        if stream is None:
            channels, none = 1 if block.ndim == 1 else block.shape[1], block[:0]
            stream = soxr.ResampleStream(rate, sample_rate, channels, "float32", "HQ")
        yield stream.resample_chunk(np.ascontiguousarray(block))
    if stream is not None:
        yield stream.resample_chunk(none, last=True)

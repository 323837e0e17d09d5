"""Long sounds piece by piece: blocks of samples to one channel, one rate, overlapping windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from esc50.audio.excerpt import Channel
from esc50.errors import UserError


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


def one_channel(
    blocks: Iterable[np.ndarray], rate: int, sample_rate: int, channel: Channel = None
) -> Iterator[np.ndarray]:
    """Take one channel and resample it, with the numbers of `read_sound`.

    Args:
        blocks: float32 (frames, channels) each.
        rate: theirs, Hz.
        sample_rate: wanted, Hz.
        channel: from 1; None: the mean of all. For the loudest, see `loudest_channel`.

    Yields:
        float32 (n,), some of them empty.

    Raises:
        UserError: there is no such channel.
    """
    mono = (_mix(block, channel) for block in blocks)
    if rate == sample_rate:
        yield from mono
        return
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    for block in mono:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def loudest_channel(blocks: Iterable[np.ndarray]) -> int:
    """Find the channel of the greatest power, from 1, in float32 (frames, channels) each."""
    power: np.ndarray = np.sum([(block.astype(np.float64) ** 2).sum(0) for block in blocks], axis=0)
    return 1 + int(power.argmax())


def _mix(block: np.ndarray, channel: Channel) -> np.ndarray:
    if block.shape[1] == 1:
        return block[:, 0]
    if channel is None:
        return block.mean(axis=1)
    if channel == "loudest":
        raise UserError(
            "features.channel=loudest needs a sound whose end is known: give a single channel"
        )
    if channel > block.shape[1]:
        raise UserError(
            f"the sound has {block.shape[1]} channels: features.channel={channel} is none of them"
        )
    return block[:, channel - 1]

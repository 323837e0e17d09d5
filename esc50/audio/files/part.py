"""The part of a sound between two seconds, as streams of their own: nothing behind it is read."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from esc50.audio.files.streams import Stream

FOREVER = 1e9  # seconds, thirty years: as good as no end, and still a number of frames


@dataclass(frozen=True)
class PartStream:
    """What a stream holds from one frame up to another.

    Attributes:
        whole: the stream.
        first: frame of it that this one begins with.
        last: frame of it that is not in this one any more.
    """

    whole: Stream
    first: int
    last: int

    @property
    def rate(self) -> int:
        """Frames in a second."""
        return self.whole.rate

    @property
    def channels(self) -> int:
        """How many there are."""
        return self.whole.channels

    @property
    def frames(self) -> int | None:
        """How many there are, if that is known: a sound may end before its part should."""
        if self.whole.frames is None:
            return None
        return max(min(self.last, self.whole.frames) - self.first, 0)

    @property
    def format(self) -> str:
        """Its container."""
        return self.whole.format

    @property
    def subtype(self) -> str:
        """Its codec."""
        return self.whole.subtype

    def blocks(self, first: int) -> Iterator[np.ndarray]:
        """Decode from a frame of the part on, to its end."""
        left = self.last - self.first - first
        if self.frames == 0 or left <= 0:
            return
        for block in self.whole.blocks(self.first + first):
            yield block[:left]
            left -= len(block)
            if left <= 0:
                return


def part_of(streams: Sequence[Stream], start: float, end: float) -> list[Stream]:
    """The streams of a sound between two seconds; of the first of them one frame at least."""
    parts: list[Stream] = []
    begins = 0.0
    for stream in streams:
        first = round(max(start - begins, 0) * stream.rate)
        # By how long it is, so that parts of one length are so many frames, wherever they begin.
        last = first + round(min(end - max(start, begins), FOREVER) * stream.rate)
        last = last if parts else max(last, first + 1)
        if first < last and (stream.frames is None or first < stream.frames):
            parts.append(PartStream(stream, first, last))
        if stream.frames is None:
            break
        begins += stream.frames / stream.rate
    return parts


def length_of(streams: Sequence[Stream]) -> float:
    """How long a sound is in seconds; inf where that is not known."""
    return sum(math.inf if s.frames is None else s.frames / s.rate for s in streams)

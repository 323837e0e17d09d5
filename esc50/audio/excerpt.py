"""A part of a sound as one channel at one rate: what is decoded becomes a clip."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np

from esc50.audio.channels import CANCELLED, Channel, Mixer, loudest
from esc50.audio.streams import SoundfileStream, Stream
from esc50.errors import UserError

EMPTY = "is empty: it holds no samples"
CUT = "are longer than features.seconds and end there (data.windows=... makes clips of the rest)"
SHORT = "fill less than half of features.seconds; silence fills the rest"
CUT_SECONDS = 0.1  # a clip that is longer by less is no news: codecs fill their last frame


@dataclass
class Excerpt:
    """What is to be read of a file; `remarks` gets what is odd about it.

    Attributes:
        path: the file, for messages.
        sample_rate: Hz, wanted.
        n_samples: wanted.
        channel: from 1, or "loudest"; None: the mean of all.
        remarks: ends of sentences.
    """

    path: Path
    sample_rate: int
    n_samples: int
    channel: Channel
    remarks: list[str]

    def read(self, streams: list[Stream], start: float) -> np.ndarray:
        """Decode, mix the channels, resample, pad: float32 (n_samples,)."""
        only = streams[0] if len(streams) == 1 and not start else None
        if _is_plain(only) and only.rate == self.sample_rate:
            return self._decode_straight(only)
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
            raise UserError(f"{self.path} {EMPTY}.")
        self._note_length(filled, longer)
        return clip

    def _decode_straight(self, stream: SoundfileStream) -> np.ndarray:
        """Decode the ordinary case, mono at the right rate, straight into the result."""
        assert stream.frames is not None
        clip, frames = np.empty(self.n_samples, np.float32), stream.frames
        wanted = min(self.n_samples, frames)
        got = stream.fill(clip[:wanted])
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
        if _is_plain(stream) and not first:
            mixed = np.empty(wanted, np.float32)
            mixed = mixed[: stream.fill(mixed)]
        else:
            mixed = self._mix(_first(stream.blocks(first), wanted))
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

    def _mix(self, blocks: Iterator[np.ndarray]) -> np.ndarray:
        """One channel of the blocks: float32 (frames,)."""
        mixer = Mixer(str(self.path), self.channel)
        mixed = [mixer.mix(block) for block in blocks]
        if mixer.cancels:
            self.remarks.append(CANCELLED)
        return loudest(np.concatenate(mixed)) if mixed else np.zeros(0, np.float32)

    def _note_length(self, filled: int, longer: bool) -> None:
        if longer:
            self.remarks.append(CUT)
        elif filled < self.n_samples / 2:
            self.remarks.append(SHORT)


def _is_plain(stream: Stream | None) -> TypeGuard[SoundfileStream]:
    """Whether it is one channel of a known length, which is decoded straight into an array."""
    return isinstance(stream, SoundfileStream) and bool(stream.frames) and stream.channels == 1


def _first(blocks: Iterator[np.ndarray], wanted: int) -> Iterator[np.ndarray]:
    """The first frames of some blocks."""
    for block in blocks:
        yield block[:wanted]
        wanted -= len(block)
        if wanted <= 0:
            return


def _frames_for(n_samples: int, source_rate: int, sample_rate: int) -> int:
    """Frames at `source_rate` that suffice for `n_samples` at `sample_rate`.

    The margin is longer than half the resampling filter, so that cutting the input early does
    not show in the output.
    """
    ratio = source_rate / sample_rate
    return math.ceil(n_samples * ratio) + math.ceil(512 * max(1.0, ratio))

"""A part of a sound as one channel at one rate: what is decoded becomes a clip."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np

from esc50.audio.files.channels import CANCELLED, Channel, Mixer, loudest
from esc50.audio.files.part import length_of, part_of
from esc50.audio.files.streams import SoundfileStream, Stream
from esc50.errors import UserError

EMPTY = "is empty: it holds no samples"
CUT = "are longer than features.seconds and end there (data.windows=... makes clips of the rest)"
SHORT = "fill less than half of features.seconds; silence fills the rest"
BEYOND = "are parts that go on behind the end of their file"
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

    def read(self, streams: list[Stream], start: float, end: float = math.inf) -> np.ndarray:
        """Decode, mix the channels, resample, pad: float32 (n_samples,).

        Args:
            streams: the whole sound.
            start: second of it that is read from.
            end: second of it that silence takes the place of; inf: it is read as far as it goes.
        """
        begin = start
        if end < math.inf:
            streams, start = self._part(streams, start, end), 0.0
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
        if not filled and begin:
            raise ends_before(self.path, begin)
        if not filled:
            raise UserError(f"{self.path} {EMPTY}.")
        self._note_length(filled, longer)
        if length_of(streams) == math.inf and self._ends_early(filled, end - begin):
            self.remarks.append(BEYOND)
        return clip

    def _ends_early(self, filled: int, seconds: float) -> bool:
        """Whether a part of so many seconds, infinitely many without an end, was not all there."""
        wanted = min(seconds, self.n_samples / self.sample_rate)
        return seconds < math.inf and filled / self.sample_rate + CUT_SECONDS < wanted

    def _part(self, streams: list[Stream], start: float, end: float) -> list[Stream]:
        if end > length_of(streams) + CUT_SECONDS:
            self.remarks.append(BEYOND)
        return part_of(streams, start, end)

    def _decode_straight(self, stream: SoundfileStream) -> np.ndarray:
        """Decode the ordinary case, mono at the right rate, straight into the result."""
        assert stream.frames is not None
        clip, frames = np.empty(self.n_samples, np.float32), stream.frames
        wanted = min(self.n_samples, frames)
        got = stream.fill(clip[:wanted])
        clip[got:] = 0
        self._note_length(got, _is_longer(frames, self.n_samples, stream.rate))
        return clip

    def _mono(self, stream: Stream, first: int, missing: int) -> tuple[np.ndarray, bool]:
        """Up to `missing` samples from a frame on, at the wanted rate; whether more follow."""
        same = stream.rate == self.sample_rate
        needed = missing if same else _frames_for(missing, stream.rate, self.sample_rate)
        whole = missing * stream.rate / self.sample_rate  # frames that become `missing` samples
        left = None if stream.frames is None else max(stream.frames - first, 0)
        if left == 0:
            return np.zeros(0, np.float32), False
        if _is_plain(stream) and not first:
            mixed = np.empty(min(needed, stream.frames or 0), np.float32)
            mixed = mixed[: stream.fill(mixed)]
        else:
            ahead = _Ahead(stream.blocks(first), needed)
            mixed = self._mix(ahead.blocks())
            if left is None:
                left = ahead.count(beyond=whole + CUT_SECONDS * stream.rate)
        longer = _is_longer(left or 0, whole, stream.rate)
        return mixed if same else self._resample(mixed, stream.rate), longer

    def _resample(self, mixed: np.ndarray, rate: int) -> np.ndarray:
        """To the wanted rate; of anything at all becomes at least one sample."""
        if not len(mixed):
            return mixed
        import soxr

        least = math.ceil(rate / self.sample_rate)
        if len(mixed) < least:
            mixed = np.pad(mixed, (0, least - len(mixed)))
        samples: np.ndarray = soxr.resample(mixed, rate, self.sample_rate, quality="HQ")
        return samples

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


def ends_before(path: Path | str, start: float) -> UserError:
    """Say of a file that nothing is in it from a second on."""
    return UserError(f"{path} ends before second {start:g}: begin earlier.")


def _is_plain(stream: Stream | None) -> TypeGuard[SoundfileStream]:
    """Whether it is one channel of a known length, which is decoded straight into an array."""
    return isinstance(stream, SoundfileStream) and bool(stream.frames) and stream.channels == 1


def _is_longer(frames: int, wanted: float, rate: int) -> bool:
    """Whether a sound goes on behind what is wanted of it by more than is no news."""
    return frames > wanted + CUT_SECONDS * rate


class _Ahead:
    """The first frames of some blocks, and how many there are in all, without all being decoded."""

    def __init__(self, blocks: Iterator[np.ndarray], wanted: int):
        self._blocks, self.wanted, self.seen = blocks, wanted, 0

    def blocks(self) -> Iterator[np.ndarray]:
        for block in self._blocks:
            part = block[: self.wanted - self.seen]
            self.seen += len(block)
            yield part
            if self.seen >= self.wanted:
                return

    def count(self, beyond: float) -> int:
        """Decode on until there are more frames than so many, or none."""
        while self.seen <= beyond and (block := next(self._blocks, None)) is not None:
            self.seen += len(block)
        return self.seen


def _frames_for(n_samples: int, source_rate: int, sample_rate: int) -> int:
    """Frames at `source_rate` that suffice for `n_samples` at `sample_rate`.

    The margin is longer than half the resampling filter, so that cutting the input early does
    not show in the output.
    """
    ratio = source_rate / sample_rate
    return math.ceil(n_samples * ratio) + math.ceil(512 * max(1.0, ratio))

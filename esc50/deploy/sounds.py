"""Sounds to predict, from files, folders, arrays, as windows as long as the model's clips."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from esc50.audio.files.channels import CANCELLED, Mixer
from esc50.audio.files.read import (
    SILENT,
    check_samples,
    duration,
    open_sound,
    read_blocks,
    read_sound,
)
from esc50.audio.files.read import Sound as Clip
from esc50.audio.files.windows import Window, resampled, windows
from esc50.audio.spec import Spec
from esc50.data.tables.files import CONTAINERS, SUFFIXES
from esc50.errors import UserError

# Of a window: a sound that is longer by less is one window, cut at its end as in training. Clips of
# five seconds are often some hundredths longer, by the frames of their codec.
SLACK = 0.1
BLOCK = 1 << 16  # frames decoded at a time
FILES = SUFFIXES | CONTAINERS  # the latter also where PyAV is missing: each then says so


@dataclass(frozen=True)
class Stretch:
    """A window of a sound: where it lies, in seconds, and how to get its samples and remarks."""

    start: float
    end: float
    read: Callable[[], Clip]

    def samples(self) -> np.ndarray:
        """Read it: float32 (n_samples,)."""
        return self.read().samples


@dataclass(frozen=True)
class Sound:
    """A sound under a name.

    Attributes:
        name: for people.
        source: a file, or samples float32 (frames, channels).
        rate: of the samples, Hz.
        most_seconds: behind which it does not matter how long it is.
    """

    name: str
    source: Path | np.ndarray
    rate: int = 0
    most_seconds: float = math.inf

    def stretches(self, spec: Spec, hop: float) -> Iterator[Stretch]:
        """Cut the sound into windows of `spec.seconds`, one every `hop` seconds.

        What is no longer than a window, or by less than `SLACK` of it, is one window, read as in
        training, to the bit.

        Raises:
            UserError: the file cannot be read.
        """
        seconds = self.seconds()
        short = seconds <= spec.seconds * (1 + SLACK)
        if isinstance(self.source, Path):
            if short:
                end = min(seconds or spec.seconds, spec.seconds)
                yield Stretch(0.0, end, partial(_read_whole, self.source, spec))
                return
            with open_sound(self.source) as sound:
                rate, odd = sound.samplerate, [sound.remark] if sound.remark else []
        else:
            rate, odd = self.rate, []
        step, mixer = max(1, round(hop * spec.sample_rate)), Mixer(self.name, spec.channel)
        mixed = resampled(map(mixer.mix, self.blocks()), rate, spec.sample_rate)
        found = windows(mixed, spec.n_samples, step)
        latest: Window | None = None
        for window in islice(found, 1) if short else found:
            if latest is not None:
                yield _stretch(latest, spec, [])
            latest = window
        if latest is not None:  # with it all blocks have been mixed
            yield _stretch(latest, spec, [*odd, CANCELLED] if mixer.cancels else odd)

    def blocks(self) -> Iterator[np.ndarray]:
        """Read it: float32 (frames, channels), block by block."""
        return (
            read_blocks(self.source, BLOCK)
            if isinstance(self.source, Path)
            else iter([self.source])
        )

    def seconds(self) -> float:
        """How long it is, or that it is longer than `most_seconds`; 0 where that cannot be read."""
        if not isinstance(self.source, Path):
            return len(self.source) / self.rate
        try:
            return duration(self.source, self.most_seconds)
        except UserError:  # to be raised when it is read
            return 0.0

    def count(self, spec: Spec, hop: float) -> int:
        """Count its windows, by how long it is."""
        seconds = self.seconds()
        if seconds <= spec.seconds * (1 + SLACK):
            return 1
        return 1 + math.ceil((seconds - spec.seconds) / hop)


def _read_whole(path: Path, spec: Spec) -> Clip:
    """Read a sound no longer than a clip, as training does."""
    return read_sound(path, spec.sample_rate, spec.n_samples, channel=spec.channel)


def _stretch(window: Window, spec: Spec, remarks: list[str]) -> Stretch:
    samples = window.samples
    if not samples.any() and CANCELLED not in remarks:
        remarks = [*remarks, SILENT]
    start, end = window.start / spec.sample_rate, window.end / spec.sample_rate
    return Stretch(start, end, partial(Clip, samples, tuple(remarks)))


def sounds_in(path: Path) -> list[Sound]:
    """List a file as a sound, a folder as the sound files in it and below it, in order of names.

    Raises:
        UserError: a folder without sound files.
    """
    if not path.is_dir():
        return [Sound(str(path), path)]
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(path)
        for name in names
        if Path(name).suffix.lower() in FILES and not name.startswith(".")
    ]
    if not found:
        raise UserError(f"{path} holds no sound files: {', '.join(sorted(FILES))}")
    return [Sound(str(file), file) for file in sorted(found)]


def samples_of(array: Any, rate: int | None, name: str) -> Sound:
    """Take samples as a sound.

    Args:
        array: (frames,), (frames, channels) or (channels, frames), where there are fewer channels
            than frames; floats of full scale -1 to 1, or whole numbers of their type's full scale.
        rate: Hz.
        name: for people.

    Raises:
        UserError: no rate, another shape, no samples, or some that no sound has.
    """
    if rate is None or rate < 1:
        raise UserError("samples need their rate in Hz: predict(samples, rate=44100)")
    samples = np.asarray(array)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2 or not samples.size or samples.dtype.kind not in "fiu":
        raise UserError(f"samples of shape {np.shape(array)} are no sound: give (frames, channels)")
    if samples.shape[0] < samples.shape[1]:
        samples = samples.T
    if samples.dtype.kind in "iu":
        limits = np.iinfo(samples.dtype)
        middle = (limits.max + limits.min + 1) // 2  # unsigned samples swing around it
        samples = (samples.astype(np.float64) - middle) / (limits.max - middle + 1)
    with np.errstate(over="ignore"):  # it is refused below
        samples = samples.astype(np.float32)
    check_samples(name, samples)
    return Sound(name, samples, rate)

"""What a model says of a sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from esc50.audio.files.channels import CANCELLED
from esc50.audio.files.containers import UNMARKED
from esc50.audio.files.excerpt import CUT, SHORT
from esc50.audio.files.read import SILENT

NONE = "none of these"
# What is said of clips by their number, said of one sound.
OF_ONE = {
    SILENT: "is silent",
    CANCELLED: "has channels that cancel each other in their mean, which is what the model hears",
    UNMARKED: "ends without the mark of an end, and may be cut off",
    CUT: "is a little longer than the model's clips, and ends there",
    SHORT: "fills less than half of a clip; silence fills the rest",
}


def told(label: str, best: str, probability: str) -> str:
    """Say an answer: `dog 98%`, or `none of these (at best dog 38%)`.

    `NONE` has no probability of its own, so that of the class which came nearest is named as such.
    """
    return f"{NONE} (at best {best} {probability})" if label == NONE else f"{label} {probability}"


@dataclass(frozen=True)
class Event:
    """A stretch of a sound in which the answer stays the same.

    Attributes:
        start: seconds.
        end: seconds.
        label: a class, or `NONE`.
        best: the most probable class, which the label is but for `NONE`.
        probability: of that class, the mean over the stretch.
    """

    start: float
    end: float
    label: str
    best: str
    probability: float


@dataclass(frozen=True, repr=False)
class Prediction:
    """The probabilities of each class in one sound, window by window.

    Attributes:
        name: the file, or what stands for it.
        classes: names of the classes.
        spans: float64 (windows, 2), start and end of each window in seconds.
        windows: float32 (windows, classes), probabilities.
        threshold: the probability below which the answer is `NONE`; 0: there always is an answer.
        remarks: what is odd about the sound, as ends of sentences: `is silent`.
    """

    name: str
    classes: tuple[str, ...]
    spans: np.ndarray
    windows: np.ndarray
    threshold: float = 0.0
    remarks: tuple[str, ...] = ()

    @property
    def probabilities(self) -> np.ndarray:
        """Of the whole sound, the mean over its windows: float32 (classes,)."""
        return self.windows.mean(axis=0)

    @property
    def seconds(self) -> float:
        """How long the sound is."""
        return float(self.spans[-1, 1])

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def label(self) -> str:
        """The most probable class where it reaches the threshold, or `NONE`."""
        return self.best if self.probabilities.max() >= self.threshold else NONE

    @property
    def labels(self) -> list[str]:
        """The answer of each window, a class or `NONE`."""
        found = zip(self.windows.argmax(1), self.windows.max(1), strict=True)
        return [self.classes[index] if p >= self.threshold else NONE for index, p in found]

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """List the `k` most probable classes with their probabilities, the first one first."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[index], float(self.probabilities[index])) for index in order]

    def events(self) -> list[Event]:
        """Write the windows as a timeline without overlaps.

        A window speaks for its middle: it ends half-way between its own centre and the next one's.
        """
        centres = self.spans.mean(axis=1)
        bounds = [0.0, *((centres[1:] + centres[:-1]) / 2).tolist(), self.seconds]
        found, first = [], 0
        for label, group in groupby(self.labels):
            after = first + len(list(group))
            mean = self.windows[first:after].mean(axis=0)
            best = self.classes[int(mean.argmax())] if label == NONE else label
            probability = float(mean[self.classes.index(best)])
            found.append(Event(bounds[first], bounds[after], label, best, probability))
            first = after
        return found

    def __repr__(self) -> str:
        """Name the sound and what is in it: `<dog.wav: dog 0.98, 5.0 s>`."""
        best, probability = self.top(1)[0]
        answer = told(self.label, best, f"{probability:.2f}")
        return f"<{self.name}: {answer}, {self.seconds:.1f} s>"


def remarks_of(windows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Say of a sound what is odd about it, by what is odd about each of its windows.

    It is silent where all of them are; anything else counts if it is so of one.
    """
    found = dict.fromkeys(remark for window in windows for remark in window)
    everywhere = [r for r in found if r != SILENT or all(SILENT in window for window in windows)]
    if CANCELLED in everywhere:  # which is why it is silent
        everywhere = [remark for remark in everywhere if remark != SILENT]
    return tuple(OF_ONE[remark] for remark in everywhere)

"""What the server answers for one sound, and how it comes by it."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, Field

from esc50.audio.files.read import open_sound
from esc50.audio.spec import Spec
from esc50.deploy.prediction import NONE
from esc50.deploy.predictor import Predictor
from esc50.deploy.sounds import Sound, Stretch
from esc50.errors import UserError

COLUMNS = 2000  # of a spectrogram at the most: what a wide screen shows
COLUMNS_PER_WINDOW = 250


class TooLongError(UserError):
    """A sound that lasts longer than the server allows."""


class UnwantedError(Exception):
    """Whoever asked about a sound is gone."""


@dataclass(frozen=True)
class LimitedSound(Sound):
    """A sound that may last `most_seconds`, whatever its header says.

    Attributes:
        most_seconds: that it may last.
        unwanted: whether nobody waits for an answer any more.
    """

    most_seconds: float = 300.0
    unwanted: Callable[[], bool] = lambda: False

    def blocks(self) -> Iterator[np.ndarray]:
        """Read it as `Sound` does, no further than it may last. Raises TooLongError."""
        rate, frames = self.rate, 0
        if isinstance(self.source, Path):
            with open_sound(self.source) as sound:
                rate = sound.samplerate
        for block in super().blocks():
            frames += len(block)
            self._check_length(frames / rate)
            yield block

    def stretches(self, spec: Spec, hop: float) -> Iterator[Stretch]:
        """Cut it into windows as `Sound` does. Raises TooLongError, and what it raises.

        Raises UnwantedError as soon as it is unwanted: all that is computed of a sound asks here
        for its next window.
        """
        found = super().stretches(spec, hop)
        while not self.unwanted():
            stretch = next(found, None)
            if stretch is None:
                return
            self._check_length(stretch.end)
            yield stretch
        raise UnwantedError

    def _check_length(self, seconds: float) -> None:
        if seconds > self.most_seconds:
            raise TooLongError(
                f"{self.name} lasts longer than {self.most_seconds:g} s, which is the most "
                "that this server takes: cut it"
            )


Seconds = Annotated[float, Field(description="from the beginning of the sound")]
Probabilities = Annotated[list[float], Field(description="in the order of the classes")]


class Window(BaseModel):
    """The probability of each class in a part of the sound."""

    start: Seconds
    end: Seconds
    probabilities: Probabilities


class Event(BaseModel):
    """A part of the sound in which the answer stays the same."""

    start: Seconds
    end: Seconds
    label: str
    best: str
    probability: Annotated[float, Field(description="of `best`, the most probable class")]


class Spectrogram(BaseModel):
    """The sound's log-mel spectrogram, for the eye."""

    rows: Annotated[int, Field(description="mel bands, the lowest first")]
    columns: Annotated[int, Field(description="over the seconds of the sound")]
    cells: Annotated[str, Field(description="base64 of a byte per cell, row by row; 255: loudest")]


class Answer(BaseModel):
    """What the model says of a sound."""

    name: Annotated[str, Field(description="of the file")]
    seconds: Annotated[float, Field(description="that the sound lasts")]
    label: Annotated[str, Field(description=f"the most probable class, or {NONE!r}")]
    classes: Annotated[list[str], Field(description="their names")]
    probabilities: Annotated[list[float], Field(description="of each class: the windows' mean")]
    windows: Annotated[list[Window], Field(description="start, end and probabilities of each")]
    events: Annotated[list[Event], Field(description="parts with one answer, without overlap")]
    remarks: Annotated[list[str], Field(description="what is odd about the sound: `is silent`")]
    spectrogram: Annotated[Spectrogram | None, Field(description="where it was asked for")] = None


def answer(predictor: Predictor, sound: Sound, hop: float | None, with_spectrogram: bool) -> Answer:
    """Predict a sound, and draw it if asked to.

    Raises:
        UserError: it cannot be read; TooLongError: it lasts too long.
    """
    (prediction,) = predictor.predict_each([sound], hop)
    if isinstance(prediction, UserError):
        raise prediction
    return Answer(
        name=prediction.name,
        seconds=prediction.seconds,
        label=prediction.label,
        classes=list(prediction.classes),
        probabilities=prediction.probabilities.tolist(),
        windows=[
            Window(start=start, end=end, probabilities=row.tolist())
            for (start, end), row in zip(prediction.spans, prediction.windows, strict=True)
        ],
        events=[Event(**vars(event)) for event in prediction.events()],
        remarks=list(prediction.remarks),
        spectrogram=draw(predictor, sound, prediction.seconds) if with_spectrogram else None,
    )


@torch.no_grad()
def draw(predictor: Predictor, sound: Sound, seconds: float) -> Spectrogram:
    """Compute a sound's log-mel spectrogram window by window, averaged to what a screen shows."""
    front_end, length = predictor.log_mel, predictor.seconds
    per_second = min(COLUMNS_PER_WINDOW / length, COLUMNS / seconds)
    mel = np.zeros((front_end.spec.n_mels, max(1, round(seconds * per_second))), np.float32)
    for stretch in sound.stretches(front_end.spec, length):
        part = front_end.rows(torch.from_numpy(stretch.samples()))
        first = min(round(stretch.start * per_second), mel.shape[1] - 1)
        count = max(1, round(length * per_second))
        narrow = torch.nn.functional.adaptive_avg_pool1d(part, count).numpy()
        mel[:, first : first + count] = narrow[:, : mel.shape[1] - first]
    decibels = 10 * np.log10(np.maximum(mel, 1e-10) / max(float(mel.max()), 1e-10))
    top = front_end.spec.top_db
    cells = ((decibels.clip(-top) + top) * (255 / top)).astype(np.uint8)
    rows, columns = cells.shape
    text = base64.b64encode(cells.tobytes()).decode()
    return Spectrogram(rows=rows, columns=columns, cells=text)


def sentence(error: UserError, path: Path, name: str) -> str:
    """Say what is wrong with an uploaded file by the name that its sender knows."""
    return str(error).replace(str(path), name)

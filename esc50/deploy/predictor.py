"""Trained networks at work: sounds in, probabilities out."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import Spec
from esc50.data.features import single_threaded
from esc50.data.tables.files import is_plain
from esc50.deploy.checkpoints import choose_device, find_checkpoints, threshold_of
from esc50.deploy.prediction import Prediction, remarks_of
from esc50.deploy.sounds import Sound, Stretch, samples_of, sounds_in
from esc50.errors import UserError
from esc50.model.trained import TrainedModel, load_trained

MOST_OVERLAP = 100  # windows that a moment of a sound lies in: a hop below that is a slip


@dataclass(frozen=True)
class Computed:
    """A sound, and what was computed of it.

    Attributes:
        sound: which one.
        spans: float64 (windows, 2), in seconds.
        values: (windows, n), one row of numbers of each window.
        remarks: what is odd about the sound, see `Prediction`.
    """

    sound: Sound
    spans: np.ndarray
    values: np.ndarray
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Answer:
    """What was computed of one window, or why it could not be read."""

    sound: Sound
    span: tuple[float, float]
    values: np.ndarray | UserError
    remarks: tuple[str, ...] = ()


class Predictor:
    """One trained network, or several as one ensemble whose answer is their mean probability.

    Attributes:
        members: the networks, which have classes and features in common.
        front_end: from samples to what the networks see.
        log_mel: from samples to what people look at.
        classes: names of the classes.
        threshold: the probability below which the answer is "none of these"; 0: no threshold.
    """

    def __init__(self, members: Sequence[TrainedModel]):
        """Take the networks. Raises UserError where their classes or features differ."""
        first = members[0]
        if not all(is_plain(str(name)) for name in first.classes):
            raise UserError("the names of the checkpoint's classes hold control characters")
        for other in members[1:]:
            if list(other.classes) != list(first.classes):
                raise UserError("an ensemble's checkpoints must be of the same classes")
            if other.spec != first.spec:
                raise UserError("an ensemble's checkpoints must be of the same features")
        self.members = tuple(members)
        self.front_end = make_front_end(first.spec)
        self.log_mel = LogMel(first.spec.log_mel)
        self.classes = tuple(first.classes)
        self.threshold = threshold_of(members)

    @property
    def seconds(self) -> float:
        """How long the clips are that the networks were trained on."""
        return self.front_end.spec.seconds

    def predict(
        self, sounds: Any, rate: int | None = None, hop: float | None = None
    ) -> Prediction | list[Prediction]:
        """Predict a sound, or a list or folder of them.

        A sound shorter than the network's clips is padded with silence, a longer one is cut into
        overlapping windows.

        Args:
            sounds: a file; samples (frames,) or (frames, channels); a folder or a list, for a list
                of predictions.
            rate: of samples, Hz.
            hop: seconds from one window to the next, a hundredth of a window at least; None: half
                a window.

        Raises:
            UserError: a sound that cannot be read, by its name.
        """
        found, several = _sounds(sounds, rate)
        made: list[Prediction] = []
        for prediction in self.predict_each(found, hop):
            if isinstance(prediction, UserError):
                raise prediction
            made.append(prediction)
        return made if several else made[0]

    def predict_each(
        self,
        sounds: Iterable[Sound],
        hop: float | None = None,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Prediction | UserError]:
        """Predict sounds one after the other, in bounded memory; what cannot be read is an error.

        Args:
            sounds: any number.
            hop: see `predict`.
            advance: told how many windows have been computed since it was last told.
        """
        for computed in self._by_sound(sounds, self.probabilities, hop, advance):
            if isinstance(computed, UserError):
                yield computed
            else:
                yield Prediction(
                    computed.sound.name,
                    self.classes,
                    computed.spans,
                    computed.values,
                    self.threshold,
                    computed.remarks,
                )

    def embed(self, sounds: Any, rate: int | None = None, hop: float | None = None) -> np.ndarray:
        """Compute the network's features of a sound (n,), or of several (sounds, n): float32.

        They are what the last layer sees, the mean over a sound's windows, an ensemble's side by
        side. Arguments and errors are those of `predict`.
        """
        found, several = _sounds(sounds, rate)
        embeddings = []
        for computed in self._by_sound(found, self._embed, hop):
            if isinstance(computed, UserError):
                raise computed
            embeddings.append(computed.values.mean(axis=0))
        return np.stack(embeddings) if several else embeddings[0]

    def check_hop(self, hop: float | None, most: int = MOST_OVERLAP) -> float:
        """Say how many seconds lie between windows; None: half a window.

        Args:
            hop: seconds.
            most: windows that a moment of the sound may lie in.

        Raises:
            UserError: it leaves gaps, or makes more windows than that.
        """
        hop = self.seconds / 2 if hop is None else hop
        least = self.seconds / most
        if not least <= hop <= self.seconds:
            raise UserError(
                f"a hop of {hop:g} s is invalid: at least {least:g} s, at most {self.seconds:g} s"
            )
        return hop

    def probabilities(self, pictures: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to the mean of the members' probabilities."""
        return torch.stack([member.probabilities(pictures) for member in self.members]).mean(0)

    def picture(self, samples: np.ndarray) -> Tensor:
        """Samples float32 (n_samples,) to their picture (channels, height, width)."""
        return self.front_end.features(torch.from_numpy(samples))

    def warm_up(self) -> None:
        """Answer silence once, so that the first sound waits for nothing that is compiled."""
        silence = np.zeros(self.front_end.spec.n_samples, np.float32)
        self.probabilities(self.picture(silence)[None])

    def _embed(self, pictures: Tensor) -> Tensor:
        return torch.cat([member.embed(pictures) for member in self.members], dim=1)

    def _by_sound(
        self,
        sounds: Iterable[Sound],
        compute: Callable[[Tensor], Tensor],
        hop: float | None,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[Computed | UserError]:
        """Compute something of all windows of each sound; what cannot be read is an error."""
        hop = self.check_hop(hop)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pieces = _pieces(sounds, self.front_end.spec, hop)
            answers = self._batched(pieces, compute, pool, advance)
            for _, group in groupby(answers, lambda one: id(one.sound)):
                made = list(group)
                errors = [one.values for one in made if isinstance(one.values, UserError)]
                values = [one.values for one in made if not isinstance(one.values, UserError)]
                yield (
                    errors[0]
                    if errors
                    else Computed(
                        made[0].sound,
                        np.array([one.span for one in made]),
                        np.stack(values),
                        remarks_of([one.remarks for one in made]),
                    )
                )

    def _batched(
        self,
        pieces: Iterator[tuple[Sound, Stretch]],
        compute: Callable[[Tensor], Tensor],
        pool: ThreadPoolExecutor,
        advance: Callable[[int], None],
    ) -> Iterator[_Answer]:
        """Compute by batches as large as those of the test, so that their numbers are the same.

        Of a window that is done its span alone is passed on: samples of an hour would fill memory.
        """
        size = self.members[0].config["batch_size"]
        while batch := list(islice(pieces, size)):
            with single_threaded():  # as the features of training were computed, to the bit
                read = list(pool.map(self._picture_or_error, (piece for _, piece in batch)))
            good = [picture for picture, _ in read if isinstance(picture, Tensor)]
            computed = iter(compute(torch.stack(good)).cpu().numpy() if good else ())
            advance(len(batch))
            for (sound, piece), (picture, remarks) in zip(batch, read, strict=True):
                what = picture if isinstance(picture, UserError) else next(computed)
                yield _Answer(sound, (piece.start, piece.end), what, remarks)

    def _picture_or_error(self, piece: Stretch) -> tuple[Tensor | UserError, tuple[str, ...]]:
        try:
            clip = piece.read()
            return self.picture(clip.samples), clip.remarks
        except UserError as error:
            return error, ()


def _pieces(sounds: Iterable[Sound], spec: Spec, hop: float) -> Iterator[tuple[Sound, Stretch]]:
    """Cut sounds into windows; one that cannot be read is a window whose samples are the error."""
    for sound in sounds:
        try:
            for stretch in sound.stretches(spec, hop):
                yield sound, stretch
        except UserError as error:
            yield sound, Stretch(0.0, 0.0, partial(_fail, error))


def _fail(error: UserError) -> NoReturn:
    raise error


def _sounds(given: Any, rate: int | None) -> tuple[list[Sound], bool]:
    """List what `predict` was given, and say whether it was more than one sound."""
    if isinstance(given, str | Path):
        path = Path(given)
        return sounds_in(path), path.is_dir()
    if isinstance(given, list | tuple):
        several = [_sounds(one, rate)[0] for one in given]
        return [sound for sounds in several for sound in sounds], True
    return [samples_of(given, rate, "samples")], False


def load(
    checkpoints: str | Path | Sequence[str | Path], device: str = "auto", trusted: bool = False
) -> Predictor:
    """Load a trained network, or several as one ensemble; nothing in their files is run.

    Args:
        checkpoints: a checkpoint; the folder of a run; that of folds or of seeds, which
            become one ensemble; or a list of these.
        device: where to compute, as torch names it; auto: a GPU where there is one.
        trusted: whether a network of another package may be imported, which runs its code.

    Raises:
        UserError: one of them is no checkpoint of this package, or they do not go together.
    """
    given = [checkpoints] if isinstance(checkpoints, str | Path) else checkpoints
    paths = [path for one in given for path in find_checkpoints(Path(one))]
    if not paths:
        raise UserError("no checkpoint was given: name at least one, such as best.ckpt")
    place = choose_device(device)
    return Predictor([load_trained(path, place, trusted) for path in paths])

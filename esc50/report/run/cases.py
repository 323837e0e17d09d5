"""Single tests worth a look and a listen: what was heard, and why it may have been taken so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esc50.errors import UserError
from esc50.model.trained import TrainedModel, load_trained
from esc50.report.media import logmel_uri
from esc50.report.names import printable
from esc50.report.run.clips import Clips
from esc50.report.run.explain import nearest, saliency
from esc50.report.run.subject import Subject
from esc50.results.predictions import Run
from esc50.results.run_folder import chosen_checkpoint

MISTAKES, DOUBTFUL, NEIGHBOURS, TOP = 12, 6, 3, 5


@dataclass(frozen=True)
class Neighbour:
    """A training clip that the network finds like a tested one."""

    clip: str
    category: str
    cosine: float
    picture: str


@dataclass
class Case:
    """One test, with pictures and neighbours where they are at hand."""

    clip: str
    run: str
    target: str
    prediction: str
    top: list[tuple[str, float]]
    picture: str | None = None
    saliency: str | None = None
    neighbours: list[Neighbour] = field(default_factory=list)


class Memory:
    """A run's network, and the clips that it learnt from."""

    def __init__(self, run: Run, clips: Clips | None, *, trusted: bool):
        """Take the run, and the clips where they are at hand."""
        self.run, self.clips, self.trusted = run, clips, trusted

    @property
    def checkpoint(self) -> Path:
        """The checkpoint that was tested."""
        return chosen_checkpoint(self.run.folder)

    @cached_property
    def model(self) -> TrainedModel:
        """The network; raises UserError where it is gone, or is another package's code."""
        return load_trained(self.checkpoint, trusted=self.trusted)

    @cached_property
    def trained(self) -> frozenset[str]:
        """Digests of the audio that it was trained on."""
        seen: Mapping[str, Any] = self.model.specification.get("seen") or {}
        return frozenset(seen.get("trained", ()))

    @cached_property
    def train_rows(self) -> np.ndarray:
        """Rows of the training clips that are still there."""
        assert self.clips is not None
        return self.clips.rows_of(self.trained)


def mistakes(subject: Subject, n: int = MISTAKES) -> list[int]:
    """Choose the wrong tests of the highest confidence, a clip once."""
    tests = subject.tests
    confidence = tests.probabilities.max(1)
    return _choose(subject, np.argsort(-confidence, kind="stable"), ~tests.correct, n)


def doubtful(subject: Subject, n: int = DOUBTFUL) -> list[int]:
    """Choose the right tests of the lowest confidence, a clip once."""
    tests = subject.tests
    confidence = tests.probabilities.max(1)
    return _choose(subject, np.argsort(confidence, kind="stable"), tests.correct, n)


def _choose(subject: Subject, order: np.ndarray, wanted: np.ndarray, n: int) -> list[int]:
    chosen: dict[str, int] = {}
    for test in order[wanted[order]]:
        chosen.setdefault(str(subject.tests.clips[test]), int(test))
        if len(chosen) == n:
            break
    return list(chosen.values())


def describe(subject: Subject, tests: Sequence[int]) -> list[Case]:
    """Say of each test what it was, and what it was taken for."""
    pooled, cases = subject.tests, []
    names = pooled.classes
    for test in tests:
        row = pooled.probabilities[test]
        top = [(names[c], float(row[c])) for c in np.argsort(-row, kind="stable")[:TOP]]
        target, prediction = names[pooled.targets[test]], names[pooled.predictions[test]]
        run = subject.run_of(test).name
        cases.append(Case(str(pooled.clips[test]), run, target, prediction, top))
    return cases


def illustrate(
    subject: Subject, tests: Sequence[int], cases: Sequence[Case], memories: Mapping[str, Memory]
) -> None:
    """Add log-mel, saliency and neighbours to the cases whose clip and network are at hand.

    Args:
        subject: the runs.
        tests: rows of their pooled predictions.
        cases: one for each test, which are changed.
        memories: of each run, by its name.

    Raises:
        UserError: features, or a run's network, cannot be had, of which the first is said; what can
            be had has been added.
    """
    failed: UserError | None = None
    for name, memory in memories.items():
        if memory.clips is None:
            continue
        rows = memory.clips.row
        own = [
            (test, case)
            for test, case in zip(tests, cases, strict=True)
            if case.run == name and case.clip in rows
        ]
        if own:
            x = memory.clips.logmels[[rows[case.clip] for _, case in own]]
            for _, case in own:
                case.picture = logmel_uri(memory.clips.picture(rows[case.clip]))
            try:
                _explain(subject, own, x, memory)
            except UserError as error:
                failed = failed or error
    if failed:
        raise failed


def _explain(subject: Subject, own: Sequence[tuple[int, Case]], x: Tensor, memory: Memory) -> None:
    """Add what takes the network."""
    _add_neighbours(own, x, memory)
    answers = torch.from_numpy(subject.tests.predictions[[test for test, _ in own]])
    for (_, case), picture in zip(own, saliency(memory.model, x, answers), strict=True):
        case.saliency = logmel_uri(picture.numpy(), low=0, high=1)


def _add_neighbours(own: Sequence[tuple[int, Case]], x: Tensor, memory: Memory) -> None:
    clips, model = memory.clips, memory.model
    assert clips is not None
    if not len(memory.train_rows):
        return
    try:
        near, cosines = nearest(model, x, clips.logmels[memory.train_rows], NEIGHBOURS)
    except UserError:  # a network without a linear layer has no features to compare
        return
    for (_, case), rows, likeness in zip(own, near.tolist(), cosines.tolist(), strict=True):
        for row, cosine in zip(memory.train_rows[rows], likeness, strict=True):
            name, category = clips.data.table.filenames[row], printable(clips.category(row))
            picture = logmel_uri(clips.picture(row))
            case.neighbours.append(Neighbour(name, category, cosine, picture))

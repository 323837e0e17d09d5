"""The clips of a checkpoint's run, as they were split for it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from esc50.audio.files.read import read_sound
from esc50.audio.spec import Spec
from esc50.config.schema.sections import DataSettings
from esc50.config.typed import typed_path
from esc50.data import datasets
from esc50.data.cache.digests import clip_digests
from esc50.data.datasets import open_clips
from esc50.data.split import SplitSettings, draw_split
from esc50.data.tables.table import ClipTable
from esc50.deploy.seen import audit_seen, seen_by
from esc50.deploy.sounds import sounds_in
from esc50.errors import UserError
from esc50.model.trained import TrainedModel

AT_ONCE = 16  # clips in memory


@dataclass(frozen=True)
class Clips:
    """Sound files or parts of them, and the class of each where it is known.

    Attributes:
        paths: of the files.
        targets: int64 (clips,), positions in the model's classes; None: not known.
        spans: float64 (clips, 2), the seconds of its file that each lies between; None: it is all.
    """

    paths: Sequence[Path]
    targets: np.ndarray | None = None
    spans: np.ndarray | None = None

    def waveforms(self, spec: Spec) -> Iterator[np.ndarray]:
        """Read the clips as a network of `spec` hears them: float32 (up to 16, n_samples)."""
        spans = [(0.0, math.inf)] * len(self.paths) if self.spans is None else self.spans.tolist()
        places = list(zip(self.paths, spans, strict=True))
        for first in range(0, len(places), AT_ONCE):
            sounds = [
                read_sound(path, spec.sample_rate, spec.n_samples, start, spec.channel, end)
                for path, (start, end) in places[first : first + AT_ONCE]
            ]
            yield np.stack([sound.samples for sound in sounds])

    def sample(self, count: int) -> "Clips":
        """Take `count` of the clips, or all there are, evenly from the first to the last."""
        places = np.unique(np.linspace(0, len(self.paths) - 1, count).round().astype(int))
        columns = (None if c is None else c[places] for c in (self.targets, self.spans))
        return Clips([self.paths[place] for place in places], *columns)

    def accuracy(self, probabilities: np.ndarray) -> float | None:
        """Part of the clips whose class is the most probable one; None where it is not known."""
        if self.targets is None:
            return None
        return float((probabilities.argmax(1) == self.targets).mean())


def clips_to_check_on(
    models: Sequence[TrainedModel], root: Path | None = None, folder: Path | None = None
) -> tuple[Clips, Clips | None]:
    """Find the clips that a run tested, and those that it trained on.

    Of an ensemble, that is the first one's run; the tested clips come without their classes where
    one of the others has seen any of them, or does not say what it has seen, as accuracy on them
    would mean nothing.

    Args:
        models: one, or an ensemble.
        root: the folder of the data set, where it is not where the run had it.
        folder: of other clips, of classes unknown; then there are none that were trained on.

    Raises:
        UserError: the clips are not there, or another package's code would be run to open them.
    """
    if folder is not None:
        return Clips([Path(sound.name) for sound in sounds_in(folder)]), None
    first, others = models[0], models[1:]
    section = _section(first, root)
    table = _open(first, section)
    settings = SplitSettings.parse("split", first.config["split"])
    split = draw_split(table, settings, first.config["seed"])
    train, test = (np.unique(split.clip_of[side]) for side in (split.train, split.test))
    tested = _of_table(table, test)
    if others and not _are_unseen(table, test, others, Path(DataSettings.of(section).cache_dir)):
        tested = replace(tested, targets=None)
    return tested, _of_table(table, train)


def _are_unseen(
    table: ClipTable, clips: np.ndarray, models: Sequence[TrainedModel], cache_dir: Path
) -> bool:
    """Whether clips are known to be new to models."""
    seen = seen_by(models)
    if seen is None:
        return False
    digests = table.identify(clip_digests(table.paths, cache_dir))
    return not audit_seen(table, clips, digests, seen).leaky


def _section(model: TrainedModel, root: Path | None) -> dict[str, Any]:
    """The `data` section of a run, its folder replaced by `root`, if it is one to be opened."""
    section = {**model.config["data"]}
    target = str(section["_target_"])
    if not _is_own(target):
        raise UserError(
            f"the clips of the run are opened by {target}, code of another package, which is not "
            "run here: give clips to check on with --clips FOLDER"
        )
    if root is not None:
        section["root"] = str(root)
    return section


def _open(model: TrainedModel, section: dict[str, Any]) -> ClipTable:
    """Open the clips that a run was given; nothing is downloaded."""
    remedy = "say where they are with --data-root, or give other clips to check on with --clips"
    place = section.get("root")  # null: the data set is a table, which is looked for where one is
    folder = None if place is None else typed_path(place)
    if folder is not None and not (folder.is_dir() and any(folder.iterdir())):
        raise UserError(f"the clips of the run are not at {place}: {remedy} FOLDER")
    try:
        table = open_clips(section, model.spec.seconds)
    except UserError as error:
        if place is not None:
            raise
        why = str(error).rstrip(".")
        raise UserError(f"the clips of the run are not here ({why}): {remedy} FOLDER") from None
    if list(table.classes) != list(model.classes):
        raise UserError(f"{table.root} holds other classes than the model knows")
    return table


def _is_own(target: str) -> bool:
    """Whether it is one of this package's data sets, which nothing but their clips opens."""
    module, _, name = target.rpartition(".")
    found = getattr(datasets, name, None) if module == datasets.__name__ else None
    return isinstance(found, type) and found.__module__ == module


def _of_table(table: ClipTable, rows: np.ndarray) -> Clips:
    paths, spans = table.paths, np.array([table.span(row) for row in rows])
    return Clips([paths[row] for row in rows], table.targets[rows], spans)

"""The clips of a checkpoint's run, as they were split for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esc50.audio.read import read_clip
from esc50.audio.spec import Spec
from esc50.config.typed import typed_path
from esc50.data import datasets
from esc50.data.datasets import open_clips
from esc50.data.split import SplitSettings, draw_split
from esc50.data.tables.table import ClipTable
from esc50.deploy.sounds import sounds_in
from esc50.errors import UserError
from esc50.model.trained import TrainedModel

AT_ONCE = 16  # clips in memory


@dataclass(frozen=True)
class Clips:
    """Sound files, and the class of each where it is known.

    Attributes:
        paths: of the files.
        targets: int64 (clips,), positions in the model's classes; None: not known.
    """

    paths: Sequence[Path]
    targets: np.ndarray | None = None

    def waveforms(self, spec: Spec) -> Iterator[np.ndarray]:
        """Read the clips as a network of `spec` hears them: float32 (up to 16, n_samples)."""
        for start in range(0, len(self.paths), AT_ONCE):
            paths = self.paths[start : start + AT_ONCE]
            yield np.stack([read_clip(path, spec.sample_rate, spec.n_samples) for path in paths])

    def sample(self, count: int) -> "Clips":
        """Take `count` of the clips, or all there are, evenly from the first to the last."""
        places = np.unique(np.linspace(0, len(self.paths) - 1, count).round().astype(int))
        targets = None if self.targets is None else self.targets[places]
        return Clips([self.paths[place] for place in places], targets)

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
    one of the others was trained on them, as accuracy on them would mean nothing.

    Args:
        models: one, or an ensemble.
        root: the folder of the data set, where it is not where the run had it.
        folder: of other clips, of classes unknown; then there are none that were trained on.

    Raises:
        UserError: the clips are not there, or another package's code would be run to open them.
    """
    if folder is not None:
        return Clips([Path(sound.name) for sound in sounds_in(folder)]), None
    train, test = _sides(models[0], root)
    for other in models[1:]:
        if set(_sides(other, root)[0].paths) & set(test.paths):
            test = Clips(test.paths)
    return test, train


def _sides(model: TrainedModel, root: Path | None) -> tuple[Clips, Clips]:
    """The clips that a run trained on, and those that it tested."""
    section = {**model.config["data"]}
    target = str(section["_target_"])
    if not _is_own(target):
        raise UserError(
            f"the clips of the run are opened by {target}, code of another package, which is not "
            "run here: give clips to check on with --clips FOLDER"
        )
    if root is not None:
        section["root"] = str(root)
    place = typed_path(section["root"])
    if not place.is_dir() or not any(place.iterdir()):  # which a data set would download into
        raise UserError(
            f"the clips of the run are not at {section['root']}: say where they are with "
            "--data-root, or give other clips to check on with --clips FOLDER"
        )
    table = open_clips(section)
    if list(table.classes) != list(model.classes):
        raise UserError(f"{section['root']} holds other classes than the model knows")
    settings = SplitSettings.parse("split", model.config["split"])
    split = draw_split(table, settings, model.config["seed"])
    train, test = (np.unique(split.clip_of[side]) for side in (split.train, split.test))
    return _of_table(table, train), _of_table(table, test)


def _is_own(target: str) -> bool:
    """Whether it is one of this package's data sets, which nothing but their clips opens."""
    module, _, name = target.rpartition(".")
    found = getattr(datasets, name, None) if module == datasets.__name__ else None
    return isinstance(found, type) and found.__module__ == module


def _of_table(table: ClipTable, rows: np.ndarray) -> Clips:
    paths = table.paths
    return Clips([paths[row] for row in rows], table.targets[rows])

"""The clips of a finished run, as far as they are still there: sound, log-mels, what was learnt."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esc50.config.typed import typed_path
from esc50.data.datamodule import ESC50DataModule
from esc50.data.datasets import ESC10, ESC50
from esc50.data.features import clip_features, pictures
from esc50.data.tables.table import ESC10_LABELS, ClipTable, read_table
from esc50.errors import UserError

PACKAGE = __name__.partition(".")[0]
# What opening the clips imports: sections of the config, and the room that is theirs here.
OPENED = (
    ("data", "data set is", "data"),
    ("features", "features are", "audio"),
    ("augment", "augmentation is", "audio"),
)


class Clips:
    """The clips that a run's config names; those that have gone since are left out.

    Attributes:
        data: the data module that the run had, its table as it is now.
        n_gone: clips that the data set's table lists and that are not there.
    """

    def __init__(self, config: Mapping[str, Any], *, trusted: bool):
        """Look for them.

        Args:
            config: the run's, in plain dictionaries.
            trusted: whether code of another package may be imported to open them.

        Raises:
            UserError: there are none; the sentence says why.
        """
        if not isinstance(config.get("data"), Mapping):
            raise UserError("the run's config.yaml names no data set")
        if not trusted:
            _refuse_strangers(config)
        root = config["data"].get("root")
        if root is not None and not typed_path(root).is_dir():  # which opening would fetch or make
            raise UserError(f"{root} is not there any more, or not below this folder")
        self.data = ESC50DataModule.from_config(config)
        table = _open(self.data)
        there = np.array([path.is_file() for path in table.paths])
        self.n_gone = int((~there).sum())
        if self.n_gone == len(table):
            raise UserError(f"none of its clips is in {table.audio_root}")
        self.data.table = table.select(there) if self.n_gone else table
        self.row = {name: row for row, name in enumerate(self.data.table.filenames)}
        self.paths = self.data.table.paths

    @cached_property
    def features(self) -> dict[str, np.ndarray]:
        """Features of all clips, from the cache or computed; see `clip_features`."""
        data = self.data
        cache_dir, workers = Path(data.storage.cache_dir), data.storage.workers
        return clip_features(data.table, data.spec, data.digests, cache_dir, workers)

    @property
    def logmels(self) -> Tensor:
        """What the network sees of all clips: float32 (clips, channels, height, width)."""
        return torch.from_numpy(self.features["logmel"])

    def picture(self, row: int) -> np.ndarray:
        """What people are shown of it, its first channel: float32 (height, width)."""
        first: np.ndarray = pictures(self.data.spec, self.features)[row, 0]
        return first

    def place(self, name: str) -> tuple[Path, tuple[float, float]]:
        """Where a clip that is there lies: its file, and the seconds of it that it is between."""
        row = self.row[name]
        return self.paths[row], self.data.table.span(row)

    def category(self, row: int) -> str:
        """The name of a clip's class."""
        table = self.data.table
        return table.classes[table.targets[row]]

    def rows_of(self, digests: frozenset[str]) -> np.ndarray:
        """The rows of the clips that have these digests of their audio: int64 (n,)."""
        return np.flatnonzero([digest in digests for digest in self.data.digests])


def _refuse_strangers(config: Mapping[str, Any]) -> None:
    """Refuse a config whose data set, features or augmentation are another package's code."""
    for key, words, room in OPENED:
        target = str(config[key].get("_target_"))
        if not target.startswith(f"{PACKAGE}.{room}."):
            raise UserError(
                f"its {words} {target}, code of another package, which would be run: "
                "allow it by --trust if you trust who made the run"
            )


def _open(data: ESC50DataModule) -> ClipTable:
    """Open the data set; where clips of a table are missing, that is no reason to refuse."""
    try:
        return data.table
    except UserError:
        if not isinstance(data.dataset, ESC50):
            raise
        table = read_table(data.dataset.root, check_files=False)
        if isinstance(data.dataset, ESC10):
            table = table.select(np.isin(table.labels, ESC10_LABELS))
        return table

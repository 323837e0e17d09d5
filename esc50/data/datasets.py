"""The data sets: each a class that a `data` section names by its `_target_`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import BeforeValidator, Field

from esc50.config.schema.sections import DataSettings, FolderPath
from esc50.config.schema.settings import Settings
from esc50.config.targets import arguments, check_target, locate
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.folds import give_folds, one_fold
from esc50.data.tables.table import ESC10_LABELS, ClipTable, read_clips, read_table
from esc50.data.tables.windows import cut_windows
from esc50.errors import UserError


def _column_names(section: object) -> object:
    """Read the section `data.columns`, so that what is wrong there is named by its whole key."""
    if not isinstance(section, Mapping):
        return section
    return ColumnNames.parse("data.columns", section)


class DataSet(Protocol):
    """What a data set is: made of its keys at no cost, it does its work when opened.

    Any class will do, one's own too; its module is named in the section: `_target_: package.Class`.
    """

    def open(self) -> ClipTable:
        """Fetch or make the clips if need be, and read their table."""


class ESC50(Settings):
    """ESC-50, or any data set in its layout; downloaded where `root` is not there."""

    root: FolderPath
    url: str
    sha256: str | None

    def open(self) -> ClipTable:
        """Read the table; raises UserError where clips or table are missing or damaged."""
        root = Path(self.root)
        if not root.is_dir() or not any(root.iterdir()):
            from esc50.data.sets.download import fetch_esc50

            fetch_esc50(root, self.url, self.sha256)
        return read_table(root)


class ESC10(ESC50):
    """The ten classes of ESC-10, out of all of ESC-50 or of a folder of ESC-10 alone."""

    def open(self) -> ClipTable:
        """Read the table; raises UserError where it does not hold the ten classes."""
        table = super().open()
        missing = np.setdiff1d(ESC10_LABELS, table.class_labels)
        if missing.size or table.categories5 is None:
            raise UserError(
                f"{table.root} does not hold the ten classes of ESC-10: use data=esc50."
            )
        return table.select(np.isin(table.labels, ESC10_LABELS))


class Demo(Settings):
    """Synthesised sound, a folder below `root` for each seed and size."""

    root: FolderPath
    seed: Annotated[int, Field(ge=0)]
    clips_per_fold: Annotated[int, Field(ge=1)]

    def open(self) -> ClipTable:
        """Make the clips unless they are there, and read their table."""
        from esc50.data.sets.demo import VERSION, make_demo

        root = Path(self.root) / f"v{VERSION}-seed{self.seed}-{self.clips_per_fold}clips"
        make_demo(root, self.seed, self.clips_per_fold)
        return read_table(root)


class Folder(Settings):
    """Own clips, one sub-folder per class; see `read_folder`."""

    root: FolderPath
    takes: bool | None

    def open(self) -> ClipTable:
        """List the clips; raises UserError where there are none."""
        from esc50.data.tables.folder import read_folder

        return read_folder(self.root, takes=self.takes)


class Table(Settings):
    """Clips that a table lists: CSV, JSON lines or Parquet; see `read_clips`.

    Attributes:
        table: the file.
        root: what `table` and `audio` are relative to; None: where you are.
        audio: what its file names are relative to; None: the folder that the table is in.
        columns: which of its columns mean what.
        outside: allow clips that lie outside `audio`.
    """

    table: FolderPath
    root: FolderPath | None = None
    audio: FolderPath | None = None
    columns: Annotated[ColumnNames, BeforeValidator(_column_names)]
    outside: bool = False

    def open(self) -> ClipTable:
        """Read the table; raises UserError where it or its clips are missing or damaged."""
        root = Path(self.root or "")
        table = root / self.table
        audio = table.parent if self.audio is None else root / self.audio
        return read_clips(table, audio, self.columns, self.outside)


def make_dataset(section: Mapping[str, Any]) -> DataSet:
    """Build the data set that a `data` section names by its `_target_`, without opening it.

    Its constructor gets the section's other keys, but for those of `DataSettings`.

    Raises:
        UserError: there is no such class, or a key is wrong.
    """
    target = section.get("_target_")
    made: Any = locate("data", target)
    if not callable(getattr(made, "open", None)):
        raise UserError(f"data._target_={target} is invalid: it has no open() that returns a table")
    own = DataSettings.without(section)
    if issubclass(made, Settings):
        return made.parse("data", own)
    check_target("data", own, {})
    return made(**arguments(own))


def open_clips(
    dataset: DataSet | Mapping[str, Any], seconds: float | None = None, folds: bool = True
) -> ClipTable:
    """Open a data set, or the one that a `data` section describes; download or make it if needed.

    Args:
        dataset: it, or the keys of a file in conf/data: these also say how folds are made and
            recordings cut into windows.
        seconds: length of a clip, for windows.
        folds: make folds where there are none; else all clips are of one.

    Raises:
        FoldsError: folds are to be made, of too few recordings.
        UserError: a wrong key, or whatever the data set refuses.
    """
    opened = make_dataset(dataset) if isinstance(dataset, Mapping) else dataset
    table = opened.open()
    if not isinstance(table, ClipTable):
        raise UserError(
            f"data._target_={type(opened).__module__}.{type(opened).__name__} is invalid: its "
            f"open() returns {type(table).__name__}, not a ClipTable"
        )
    if not isinstance(dataset, Mapping):
        return table
    settings = DataSettings.of(dataset)
    # Before they are cut: a recording, or part of one, keeps its fold, however long windows are.
    cache_dir = Path(settings.cache_dir)
    if folds:
        table = give_folds(table, settings.folds, settings.fold_seed, cache_dir)
    else:
        table = one_fold(table)
    if settings.windows is not None and seconds is not None:
        table = cut_windows(table, seconds, settings.windows, cache_dir)
    return table


def data_name(section: Mapping[str, Any]) -> str:
    """Name a data set for people: the class that opens it, and one's own folder or table."""
    name = str(section["_target_"]).rpartition(".")[2].lower()
    place = section.get({"table": "table", "folder": "root"}.get(name, ""))
    return f"{name}:{Path(place).name}" if place else name

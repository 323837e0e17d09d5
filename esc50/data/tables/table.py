"""The clip table: which clips there are, their classes, folds and sources."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from esc50.audio.files.channels import Channel
from esc50.audio.files.read import Sound, read_sound
from esc50.data.notices import SHOWN
from esc50.data.tables.columns import (
    ESC50_COLUMNS,
    ColumnNames,
    read_filenames,
    read_folds,
    read_labels,
    read_sides,
    read_sources,
)
from esc50.data.tables.events import leave_out_others
from esc50.data.tables.files import check_listed
from esc50.data.tables.parts import part_mark, read_parts
from esc50.data.tables.table_file import read_table_file

SUPER_CATEGORIES = (
    "animals",
    "natural soundscapes & water",
    "human non-speech",
    "interior/domestic",
    "exterior/urban",
)
ESC50_CLASSES = tuple(
    name
    for group in (  # one line or two a super-category; the index is the table's target number
        "dog rooster pig cow frog cat hen insects sheep crow",
        "rain sea_waves crackling_fire crickets chirping_birds water_drops wind pouring_water",
        "toilet_flush thunderstorm",
        "crying_baby sneezing clapping breathing coughing footsteps laughing brushing_teeth",
        "snoring drinking_sipping",
        "door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening",
        "washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking",
        "helicopter chainsaw siren car_horn engine train church_bells airplane fireworks",
        "hand_saw",
    )
    for name in group.split()
)
ESC10_LABELS = (0, 1, 10, 11, 12, 20, 21, 38, 40, 41)
MARKER = "SYNTHETIC"  # a file of this name beside audio/ says that the sound is made up


@dataclass(frozen=True)
class ClipTable:
    """The clips of a data set; rows are clips, in the table's order.

    `labels` are the table's own target numbers (ESC-10 keeps 0, 1, 10, ...), `targets` the
    indices into `classes`. A source is one original recording; its takes are clips cut from it.
    """

    root: Path  # what it was read from, for messages
    audio_root: Path  # `filenames` are relative to this
    filenames: tuple[str, ...]
    folds: np.ndarray  # int64 (n,), any whole numbers
    labels: np.ndarray  # int64 (n,)
    sources: np.ndarray  # str (n,)
    takes: np.ndarray  # str (n,)
    classes: tuple[str, ...]  # category names, ordered by target number
    class_labels: np.ndarray  # int64 (classes,), the target number of each class
    synthetic: bool  # made-up sound: results must say so
    sides: np.ndarray | None = None  # str (n,), train, val or test, where the data set says
    offsets: np.ndarray | None = None  # float64 (n,), seconds; clips are parts of longer files
    ends: np.ndarray | None = None  # float64 (n,), seconds; None: a part is as long as a clip
    lines: np.ndarray | None = None  # int64 (n,), line of `root` that lists a clip, for messages

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.filenames)

    @cached_property  # pages ask for it clip by clip
    def targets(self) -> np.ndarray:
        """Index of each clip's class in `classes`: int64 (n,)."""
        return np.searchsorted(self.class_labels, self.labels)

    @property
    def fold_numbers(self) -> list[int]:
        """The folds there are, in order."""
        return np.unique(self.folds).tolist()

    @property
    def fold_sides(self) -> list[str]:
        """The fold of each clip, and its side where the data set gives one."""
        sides = [""] * len(self) if self.sides is None else self.sides.tolist()
        return [f"{fold}{side}" for fold, side in zip(self.folds, sides, strict=True)]

    @property
    def paths(self) -> list[Path]:
        """Where each clip lies."""
        return [self.audio_root / name for name in self.files]

    @cached_property  # clips are read one by one
    def files(self) -> list[str]:
        """The file of each clip: its name, without the seconds that a part lies between."""
        if self.offsets is None:
            return list(self.filenames)
        marks = (part_mark(*self.span(row)) for row in range(len(self)))
        return [name.removesuffix(mark) for name, mark in zip(self.filenames, marks, strict=True)]

    def span(self, row: int) -> tuple[float, float]:
        """The seconds of its file that a clip lies between: (0, inf) where it is all of it."""
        start = 0.0 if self.offsets is None else float(self.offsets[row])
        return start, math.inf if self.ends is None else float(self.ends[row])

    def name_faults(self, message: str, rows: Iterable[int]) -> str:
        """Add to what is wrong with parts of a file which lines of the table list them."""
        if self.offsets is None or self.lines is None:
            return message
        lines = sorted({int(self.lines[row]) for row in rows})
        said = ", ".join(map(str, lines[:SHOWN])) + (", ..." if len(lines) > SHOWN else "")
        return f"{self.root} line{'s' if len(lines) > 1 else ''} {said}: {message}"

    def read(self, row: int, sample_rate: int, n_samples: int, channel: Channel = None) -> Sound:
        """Read a clip: see `read_sound`."""
        start, end = self.span(row)
        path = self.audio_root / self.files[row]
        return read_sound(path, sample_rate, n_samples, start, channel, end)

    def identify(self, digests: list[str]) -> list[str]:
        """Tell the parts of one file apart, whose digests are the same."""
        if self.offsets is None:
            return digests
        spans = map(self.span, range(len(self)))
        return [
            digest if span == (0.0, math.inf) else digest + part_mark(*span)
            for digest, span in zip(digests, spans, strict=True)
        ]

    @property
    def categories5(self) -> np.ndarray | None:
        """Index into SUPER_CATEGORIES of each class, int64 (classes,).

        None unless every class has the name and target number that ESC-50 gives it.
        """
        own = all(
            label < len(ESC50_CLASSES) and ESC50_CLASSES[label] == name
            for label, name in zip(self.class_labels, self.classes, strict=True)
        )
        return self.class_labels // 10 if own else None

    def select(self, keep: np.ndarray) -> "ClipTable":
        """Keep the clips where the boolean (n,) `keep` is true, as a data set of its own.

        Classes without a clip left are dropped, so targets may be renumbered.
        """
        keep = np.asarray(keep, dtype=bool)
        labels = self.labels[keep]
        present = np.isin(self.class_labels, labels)
        return replace(
            self,
            filenames=tuple(np.array(self.filenames, dtype=object)[keep]),
            folds=self.folds[keep],
            labels=labels,
            sources=self.sources[keep],
            takes=self.takes[keep],
            classes=tuple(np.array(self.classes, dtype=object)[present]),
            class_labels=self.class_labels[present],
            sides=None if self.sides is None else self.sides[keep],
            offsets=None if self.offsets is None else self.offsets[keep],
            ends=None if self.ends is None else self.ends[keep],
            lines=None if self.lines is None else self.lines[keep],
        )


def read_table(
    root: Path | str, check_files: bool = True, table: Path | str | None = None
) -> ClipTable:
    """Read and check a data set in ESC-50 layout: `audio/` and `meta/esc50.csv`.

    Columns filename, fold, target and category are needed. Source and take come from src_file
    and take where present, else from an ESC-50 file name (`{fold}-{source}-{take}-{target}`),
    else the file's stem and "A". Other columns are ignored.

    Args:
        root: the folder.
        check_files: also check that every listed clip is there.
        table: the table itself where it is not `meta/esc50.csv` in the folder.

    Raises:
        UserError: the table is missing, damaged or contradicts itself, or clips are missing.
    """
    root = Path(root)
    path = root / "meta" / "esc50.csv" if table is None else Path(table)
    clips = read_clips(path, root / "audio", ESC50_COLUMNS, check_files=check_files)
    return replace(clips, root=root, lines=None, synthetic=(root / MARKER).exists())


def read_clips(
    path: Path, audio: Path, names: ColumnNames, outside: bool = False, check_files: bool = True
) -> ClipTable:
    """Read a table of clips: CSV, JSON lines or Parquet.

    Args:
        path: the table.
        audio: what its file names are relative to.
        names: which of its columns mean what.
        outside: allow clips outside `audio`: absolute paths, `..`, links that lead there.
        check_files: also check that every listed clip is there.

    Raises:
        UserError: the table is missing, damaged or contradicts itself, or clips are missing.
    """
    file = leave_out_others(read_table_file(path), names, outside)
    filenames = read_filenames(file, names.file, outside)
    clips, offsets, ends = read_parts(file, names, filenames)
    labels, class_labels, classes = read_labels(file, names)
    if check_files:
        check_listed(path, audio, list(dict.fromkeys(filenames)), outside)
    sides = read_sides(file, names.split)
    sources, takes = read_sources(file, names, filenames)
    return ClipTable(
        root=path,
        audio_root=audio,
        filenames=tuple(clips),
        folds=read_folds(file, names.fold, given=sides is not None),
        labels=labels,
        sources=sources,
        takes=takes,
        classes=classes,
        class_labels=class_labels,
        synthetic=(audio / MARKER).exists() or (path.parent / MARKER).exists(),
        sides=sides,
        offsets=offsets,
        ends=ends,
        lines=np.array(file.lines, dtype=np.int64),
    )

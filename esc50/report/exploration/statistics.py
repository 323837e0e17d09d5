"""Numbers about every clip of a data set, and the same as clips.csv."""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from esc50.atomic import atomic_write
from esc50.audio.measures import SoundMeasures, measure_sound
from esc50.data.progress_bar import progress_bar
from esc50.data.tables.table import SUPER_CATEGORIES, ClipTable
from esc50.errors import UserError
from esc50.results.cells import escape_cell

# Columns of clips.csv, and the fields of `SoundMeasures` that they hold.
COLUMNS = {
    "format": "format",
    "encoding": "encoding",
    "bits": "bits",
    "sample_rate_hz": "sample_rate",
    "channels": "channels",
    "duration_s": "duration",
    "centroid_hz": "centroid",
    "zero_crossing_rate": "zero_crossing_rate",
    "rms": "rms",
    "rms_dbfs": "rms_dbfs",
    "loudness_lufs": "lufs",
    "peak": "peak",
    "dc": "dc",
    "clipped_samples": "clipped",
    "silent_part": "silent",
    "leading_zeros_s": "leading_zeros",
    "trailing_zeros_s": "trailing_zeros",
}


@dataclass(frozen=True)
class ClipStatistics:
    """The clips that can be read, their numbers, and what is wrong with the others.

    Attributes:
        table: of the clips that can be read; `measures` has one entry per clip of it.
        measures: see `measure_sound`.
        faults: by file name, a sentence about each clip that cannot be read.
    """

    table: ClipTable
    measures: tuple[SoundMeasures, ...]
    faults: Mapping[str, str]

    def values(self, name: str) -> np.ndarray:
        """A field of the measures over all clips: float64 (n,), NaN where there is none."""
        return np.array([getattr(measures, name) for measures in self.measures], dtype=np.float64)

    @cached_property
    def categories(self) -> np.ndarray | None:
        """Super-category of each class as text (classes,); None where they are not ESC-50's."""
        numbers = self.table.categories5
        return None if numbers is None else np.array(SUPER_CATEGORIES)[numbers]


def measure_clips(
    table: ClipTable, workers: int | None, seconds: float = math.inf
) -> ClipStatistics:
    """Read every clip once and measure it, in threads.

    Args:
        table: the clips.
        workers: threads; None: one per core.
        seconds: length of those clips that are parts of files and have no end of their own.

    Raises:
        UserError: not one clip can be read.
    """
    paths = table.paths

    def one(clip: int) -> SoundMeasures | UserError:
        start, end = table.span(clip)
        if table.offsets is not None and table.ends is None:
            end = start + seconds
        try:
            return measure_sound(paths[clip], start, end)
        except UserError as fault:
            return fault

    found: list[SoundMeasures | UserError] = []
    with (
        progress_bar("measuring", len(table)) as advance,
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
    ):
        for measures in pool.map(one, range(len(table))):
            found.append(measures)
            advance()
    readable = np.array([not isinstance(measures, UserError) for measures in found])
    faults = {
        name: table.name_faults(str(fault), [row])
        for row, (name, fault) in enumerate(zip(table.filenames, found, strict=True))
        if isinstance(fault, UserError)
    }
    if not readable.any():
        raise UserError(f"not one clip of {table.root} can be read: {next(iter(faults.values()))}")
    good = tuple(measures for measures in found if isinstance(measures, SoundMeasures))
    return ClipStatistics(table.select(readable) if faults else table, good, faults)


def write_clips_csv(path: Path, statistics: ClipStatistics, sides: Sequence[str]) -> None:
    """Write a row per clip that can be read; texts that a spreadsheet would compute are quoted.

    Args:
        path: the file.
        statistics: of the clips.
        sides: the side of the split that each clip is on.
    """
    table = statistics.table
    header = ["clip", "class", "target", "fold", "side", "source", "take", *COLUMNS]
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for clip, measures in enumerate(statistics.measures):
            names = [table.filenames[clip], table.classes[table.targets[clip]]]
            numbers = [table.labels[clip], table.folds[clip]]
            origin = [sides[clip], str(table.sources[clip]), str(table.takes[clip])]
            values = [_spelled(getattr(measures, name)) for name in COLUMNS.values()]
            writer.writerow(
                [*map(escape_cell, names), *numbers, *map(escape_cell, origin), *values]
            )


def _spelled(value: str | float) -> str:
    if isinstance(value, str):
        return escape_cell(value)
    return "" if math.isnan(value) else f"{value:.6g}"

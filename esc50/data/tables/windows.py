"""Long recordings cut into windows: clips of one source."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from esc50.data.cache.digests import clip_lengths
from esc50.data.notices import notice
from esc50.data.tables.parts import part_mark
from esc50.data.tables.table import ClipTable


def cut_windows(table: ClipTable, seconds: float, step: float, cache_dir: Path) -> ClipTable:
    """Make a clip of every window of the recordings that are longer than a clip.

    A window is named after its file and the second that it begins at, as `rec.wav#t=12.5`; it has
    the class, fold and source of its file. A rest that fills half a clip makes one more.

    Args:
        table: the recordings.
        seconds: length of a clip.
        step: seconds from one window's beginning to the next.
        cache_dir: where the recordings' lengths are kept.

    Raises:
        UserError: a file cannot be read.
    """
    lengths = clip_lengths(table.paths, cache_dir)
    starts = [_starts(length, seconds, step) for length in lengths]
    counts = np.array([len(own) for own in starts])
    rows = np.repeat(np.arange(len(table)), counts)
    if len(rows) > len(table):
        notice(
            f"{(counts > 1).sum()} recordings are longer than {seconds:g} s: cut every {step:g} s "
            f"into {counts[counts > 1].sum()} clips (data.windows)"
        )
    names = [
        table.filenames[row] if len(own) == 1 else table.filenames[row] + part_mark(start)
        for row, own in enumerate(starts)
        for start in own
    ]
    return replace(
        table,
        filenames=tuple(names),
        folds=table.folds[rows],
        labels=table.labels[rows],
        sources=table.sources[rows],
        takes=table.takes[rows],
        sides=None if table.sides is None else table.sides[rows],
        offsets=np.array([start for own in starts for start in own], dtype=np.float64),
    )


def _starts(length: float, seconds: float, step: float) -> list[float]:
    """Seconds at which the windows of a recording begin."""
    slack = 1e-3  # a sample more or less
    whole = 1 + max(int((length - seconds + slack) // step), 0)
    starts = [round(number * step, 6) for number in range(whole)]
    rest = length - starts[-1] - seconds
    if rest > slack and length - whole * step >= seconds / 2:
        starts.append(round(whole * step, 6))
    return starts

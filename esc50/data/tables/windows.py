"""Long recordings, or long parts of some, cut into windows: clips of one source."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from esc50.audio.files.excerpt import BEYOND, CUT_SECONDS
from esc50.data.cache.digests import clip_lengths
from esc50.data.notices import notice, some
from esc50.data.tables.parts import part_mark
from esc50.data.tables.table import ClipTable
from esc50.errors import UserError


def cut_windows(table: ClipTable, seconds: float, step: float, cache_dir: Path) -> ClipTable:
    """Make a clip of every window of the recordings, or parts of some, that are longer than a clip.

    A window is named after its file and the second that it begins at, as `rec.wav#t=12.5`; in a
    part, which none goes beyond, also after the one that it ends at, `rec.wav#t=12.5,14.5`. It has
    the class, fold and source of its file. A rest that fills half a clip makes one more. What two
    parts of one class have in common makes a window once.

    Args:
        table: the recordings, or parts that have an end.
        seconds: length of a clip.
        step: seconds from one window's beginning to the next.
        cache_dir: where the recordings' lengths are kept.

    Raises:
        UserError: a file cannot be read, parts have no end, or two of them, of two classes, have a
            window in common.
    """
    if table.offsets is not None and table.ends is None:
        raise UserError(
            f"data.windows={step:g} has nothing to cut: the parts that {table.root} lists have no "
            "end (data.columns.end=NAME, or duration), and each is as long as features.seconds"
        )
    spans = [table.span(row) for row in range(len(table))]
    lengths = clip_lengths(table.paths, cache_dir)
    starts = [
        [round(begin + start, 6) for start in _starts(min(end, length) - begin, seconds, step)]
        for (begin, end), length in zip(spans, lengths, strict=True)
    ]
    counts = np.array([len(own) for own in starts])
    _tell(table, lengths, counts, f"longer than {seconds:g} s: cut every {step:g} s")
    rows = np.repeat(np.arange(len(table)), counts)
    windows = _each(table, rows)
    offsets = np.array([start for own in starts for start in own], dtype=np.float64)
    ends = None
    if table.ends is not None:
        ends = np.round(np.minimum(offsets + seconds, table.ends[rows]), 6)
    until = np.full(len(rows), np.inf) if ends is None else ends
    names = [
        table.files[row] + part_mark(*span) if ends is not None or counts[row] > 1 else name
        for row, name, *span in zip(
            rows.tolist(), windows.filenames, offsets.tolist(), until.tolist(), strict=True
        )
    ]
    return _once(replace(windows, filenames=tuple(names), offsets=offsets, ends=ends))


def _tell(table: ClipTable, lengths: list[float], counts: np.ndarray, why: str) -> None:
    """Say how many were cut, and which parts there is not all of."""
    ends = np.full(len(table), -np.inf) if table.ends is None else table.ends
    beyond = np.flatnonzero(ends > np.array(lengths) + CUT_SECONDS)
    if len(beyond):
        names = [table.filenames[row] for row in beyond]
        notice(f"{len(beyond)} of {len(table)} clips {BEYOND}: {some(names)}")
    cut, what = counts[counts > 1], "recordings" if table.ends is None else "parts of recordings"
    if len(cut):
        notice(f"{len(cut)} {what} are {why} into {cut.sum()} clips (data.windows)")


def _each(table: ClipTable, rows: np.ndarray) -> ClipTable:
    """The clips of some rows, which may be the same ones."""
    return replace(
        table,
        filenames=tuple(table.filenames[row] for row in rows),
        folds=table.folds[rows],
        labels=table.labels[rows],
        sources=table.sources[rows],
        takes=table.takes[rows],
        sides=None if table.sides is None else table.sides[rows],
        lines=None if table.lines is None else table.lines[rows],
    )


def _once(table: ClipTable) -> ClipTable:
    """Each window once: parts that overlap may have some in common."""
    first: dict[str, int] = {}
    kept = np.array([first.setdefault(n, row) == row for row, n in enumerate(table.filenames)])
    for row in np.flatnonzero(~kept).tolist():
        before = first[table.filenames[row]]
        if table.labels[row] != table.labels[before]:
            classes = " and ".join(repr(table.classes[table.targets[at]]) for at in (before, row))
            message = f"{table.filenames[row]}, a window of both, has two classes, {classes}"
            raise UserError(
                f"{table.name_faults(message, [before, row])}: take one of them out, or set "
                "data.windows=null."
            )
    if kept.all():
        return table
    n = int((~kept).sum())
    what = "window is" if n == 1 else "windows are"
    notice(f"{n} {what} in two parts of one class, and count{'s' * (n == 1)} once")
    return table.select(kept)


def _starts(length: float, seconds: float, step: float) -> list[float]:
    """Seconds at which the windows of a recording begin."""
    slack = 1e-3  # a sample more or less
    whole = 1 + max(int((length - seconds + slack) // step), 0)
    starts = [round(number * step, 6) for number in range(whole)]
    rest = length - starts[-1] - seconds
    if rest > slack and length - whole * step >= seconds / 2:
        starts.append(round(whole * step, 6))
    return starts

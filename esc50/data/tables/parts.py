"""Parts of recordings that a table lists: where each of them begins and ends."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

import numpy as np

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table_file import TableFile
from esc50.data.tables.times import TimeColumns, find_times, read_times
from esc50.errors import UserError

MARK = "#t="  # of a media fragment


def part_mark(start: float, end: float = math.inf) -> str:
    """What tells a part of a file from others, as a media fragment: `#t=12.5` or `#t=12.5,14`."""
    seconds = [start] if end == math.inf else [start, end]
    return MARK + ",".join(f"{second:.6f}".rstrip("0").rstrip(".") for second in seconds)


def share_sound(clips: Sequence[str], others: Iterable[str]) -> np.ndarray:
    """Whether each clip has a moment of its file in common with one of others: bool (clips,).

    What is one part for one table may be another for the next. How long a part without an end was
    is not known: beside parts with one it goes on to the end of its file, beside others that have
    none, windows of a recording, it is one of them or is not.

    Args:
        clips: each its file's digest, and which part of the file it is: see `ClipTable.identify`.
        others: the same.
    """
    known = set(others)
    meets_any, meets_ended = _meets(known), _meets(other for other in known if "," in other)
    shared = [c in known or (meets_any(c) if "," in c else meets_ended(c)) for c in clips]
    return np.array(shared, dtype=bool)


def _meets(others: Iterable[str]) -> Callable[[str], bool]:
    """What tells whether a clip overlaps one of others."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for digest, start, end in map(_file_and_span, others):
        spans[digest].append((start, end))
    starts = {digest: sorted(start for start, _ in own) for digest, own in spans.items()}
    # Of those that begin there or before, the one that ends last.
    latest = {d: list(accumulate((end for _, end in sorted(own)), max)) for d, own in spans.items()}

    def meets(clip: str) -> bool:
        digest, start, end = _file_and_span(clip)
        begun = bisect_left(starts.get(digest, []), end)
        return begun > 0 and latest[digest][begun - 1] > start

    return meets


def _file_and_span(clip: str) -> tuple[str, float, float]:
    digest, _, mark = clip.partition(MARK)
    start, _, end = mark.partition(",")
    return digest, float(start or 0), float(end or math.inf)


def read_parts(
    file: TableFile, names: ColumnNames, filenames: list[str]
) -> tuple[list[str], np.ndarray | None, np.ndarray | None]:
    """Read which part of its file each clip is, and name it after that.

    Columns that have a usual name count where a file is listed more than once. Else they may as
    well say what a whole file was cut from, as those of UrbanSound8K do.

    Returns:
        The clips' names; float64 (n,) each the seconds, to the millionth, that they begin and end
        at, None where there is no such column, and both where clips are whole files.

    Raises:
        UserError: a cell is no such time, a part does not end after its beginning, or a clip is
            listed twice.
    """
    times = _find_parts(file, names, filenames)
    if times is None:
        hint = "data.windows makes clips of a recording, data.columns.start and end of its parts"
        _check_unique(file, filenames, hint)
        return filenames, None, None
    starts, ends = read_times(file, times)
    if ends is None and names.end is not None:
        notice(
            f"{file.path} says where clips begin ({times.start!r}) and not where they end "
            "(data.columns.end=NAME, or duration): each is as long as features.seconds"
        )
    until = np.full(len(starts), math.inf) if ends is None else ends
    marks = map(part_mark, starts.tolist(), until.tolist())
    clips = [name + mark for name, mark in zip(filenames, marks, strict=True)]
    _check_unique(file, clips, "a clip has one class")
    return clips, starts, ends


def _check_unique(file: TableFile, clips: Sequence[str], hint: str) -> None:
    """Refuse a table that lists a clip twice: a file, or the same part of one."""
    first: dict[str, int] = {}
    for row, name in enumerate(clips):
        if (before := first.setdefault(name, row)) != row:
            raise UserError(
                f"{file.path} lists {name} twice: lines {file.lines[before]} and "
                f"{file.lines[row]}; leave one of them ({hint})."
            )


def _find_parts(
    file: TableFile, names: ColumnNames, filenames: Sequence[str]
) -> TimeColumns | None:
    """Find the columns that say where parts lie, if clips are parts, and tell what was assumed."""
    times = find_times(file, names)
    if times is None or any(
        isinstance(name, str) for name in (names.start, names.end, names.duration)
    ):
        return times
    n_files, begin = len(set(filenames)), times.start
    if n_files == len(filenames):
        notice(
            f"{file.path} lists each file once, so {begin!r} is not taken for the second that a "
            "clip begins at: data.columns.start=NAME does, null passes it over without a word"
        )
        return None
    until = f"to {times.end!r}" if times.end else f"on, as long as {times.duration!r} says"
    if times.end or times.duration:
        notice(
            f"{file.path} lists {n_files} file{'s' if n_files > 1 else ''} in {len(filenames)} "
            f"rows: each is the part of its file from {begin!r} {until} (data.columns.start=null "
            "refuses files that are listed twice)"
        )
    return times

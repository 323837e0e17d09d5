"""Parts of recordings that a table lists: where each of them begins and ends."""

import math
from collections.abc import Sequence

import numpy as np

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table_file import TableFile, plain_name
from esc50.errors import UserError

LONGEST = 1e9  # seconds: what is beyond is no time in a recording
ONSET, OFFSET = "onset", "offset"  # of DCASE: an offset without an onset may be a beginning
# Raven counts seconds from the first file of a sequence on, or, where asked to, within each file.
IN_SEQUENCE, IN_FILE = "Begin Time (s)", "File Offset (s)"


def part_mark(start: float, end: float = math.inf) -> str:
    """What tells a part of a file from others, as a media fragment: `#t=12.5` or `#t=12.5,14`."""
    seconds = [start] if end == math.inf else [start, end]
    return "#t=" + ",".join(f"{second:.6f}".rstrip("0").rstrip(".") for second in seconds)


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
    starts, ends = _read_times(file, names, filenames)
    if starts is None:
        hint = "data.windows makes clips of a recording, data.columns.start and end of its parts"
        _check_unique(file, filenames, hint)
        return filenames, None, None
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


def _read_times(
    file: TableFile, names: ColumnNames, filenames: Sequence[str]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    begin, end = _find_columns(file, names)
    if begin is None:
        return None, None
    named = isinstance(names.start, str) or isinstance(names.end, str)
    if not named and len(set(filenames)) == len(filenames):
        notice(
            f"{file.path} lists each file once, so {begin!r} is not taken for the second that a "
            "clip begins at: data.columns.start=NAME does, null passes it over without a word"
        )
        return None, None
    starts = _read_seconds(file, begin, "start")
    if end is None and names.end is not None:
        notice(
            f"{file.path} says where clips begin ({begin!r}) and not where they end "
            "(data.columns.end=NAME): each is as long as features.seconds"
        )
    if end is None:
        return starts, None
    ends = _read_seconds(file, end, "end")
    for row in np.flatnonzero(ends <= starts).tolist():
        raise UserError(
            f"{file.place(row)}: {end} {file.columns[end][row]!r} is not after {begin} "
            f"{file.columns[begin][row]!r}."
        )
    return _within_files(file, begin, starts, ends)


def _find_columns(file: TableFile, names: ColumnNames) -> tuple[str | None, str | None]:
    begin, usual = file.find(names.start), names.end
    if begin is None:
        if isinstance(names.end, str):
            raise UserError(
                f"data.columns.end={names.end} alone says of no part where it begins: name the "
                f"column of {file.path} that does, data.columns.start=NAME"
            )
        return None, None
    if usual is not None and not isinstance(usual, str) and plain_name(begin) != ONSET:
        usual = [name for name in usual if plain_name(name) != OFFSET]
    return begin, file.find(usual)


def _read_seconds(file: TableFile, column: str, key: str) -> np.ndarray:
    seconds = [_number(value) for value in file.columns[column]]
    for row, second in enumerate(seconds):
        if not 0 <= second < LONGEST:
            raise UserError(
                f"{file.place(row)}: {column} {file.columns[column][row]!r} is not a number of "
                f"seconds from 0 (data.columns.{key}=null passes the column over)."
            )
    return np.round(seconds, 6) + 0.0  # no minus is left of -0


def _number(value: str) -> float:
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return math.nan


def _within_files(
    file: TableFile, begin: str, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count Raven's seconds from the beginning of each file, if the table says that too."""
    column = file.find([IN_FILE])
    if column is None or plain_name(begin) != plain_name(IN_SEQUENCE):
        return starts, ends
    own = _read_seconds(file, column, "start")
    return own, np.round(ends - starts + own, 6)

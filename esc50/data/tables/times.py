"""When the parts of recordings that a table lists begin and end, in seconds."""

import math
import re
from dataclasses import dataclass

import numpy as np

from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table_file import TableFile, plain_name
from esc50.errors import UserError

LONGEST = 1e9  # seconds: what is beyond is no time in a recording
ONSET, OFFSET = "onset", "offset"  # of DCASE: an offset without an onset may be a beginning
# Raven counts seconds from the first file of a sequence on, or, where asked to, within each file.
IN_SEQUENCE, IN_FILE = "Begin Time (s)", "File Offset (s)"
NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)
CLOCK = re.compile(
    r"(?:0 days )?(?:(\d{1,6}):(?=[0-5]?\d:))?(\d{1,6}):([0-5]?\d(?:[.,]\d*)?)", re.ASCII
)
GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3}|\.\d{3})", re.ASCII)  # a thousand and some, or one
# start_ms, `Begin Time - msec` of ELAN, startMs; not its `ss.msec`, which are seconds.
MILLISECONDS = re.compile(r"(?:^|[^.\w]|_)(?i:ms|m(?:illi)?sec(?:ond)?s?)\W*$|[a-z]Ms$")


@dataclass(frozen=True)
class TimeColumns:
    """The columns of a table that say when its parts begin, and when they end or how long they are.

    Attributes:
        start: where they begin.
        end: where they end; None: it is not asked, or not known.
        duration: how long they are; None beside an end.
    """

    start: str
    end: str | None
    duration: str | None

    @property
    def all(self) -> list[str]:
        """Those that there are."""
        return [name for name in (self.start, self.end, self.duration) if name is not None]


def find_times(file: TableFile, names: ColumnNames) -> TimeColumns | None:
    """Find the columns of times; None where none says when parts begin.

    Raises:
        UserError: a column that was named is not there, or those that were named contradict each
            other or say too little.
    """
    typed = {key: getattr(names, key) for key in ("end", "duration")}
    typed = {key: name for key, name in typed.items() if isinstance(name, str)}
    if len(typed) == 2:
        raise UserError(
            f"data.columns.end={names.end} and data.columns.duration={names.duration} both say "
            "where a part ends: name one of them"
        )
    begin = file.find(names.start)
    if begin is None:
        for key, name in typed.items():
            raise UserError(
                f"data.columns.{key}={name} alone says of no part where it begins: name the "
                f"column of {file.path} that does, data.columns.start=NAME"
            )
        return None
    if "duration" in typed:
        return TimeColumns(begin, None, file.find(names.duration))
    if names.end is None:  # as it was asked for
        return TimeColumns(begin, None, None)
    end = file.find(_usual_ends(names, begin))
    return TimeColumns(begin, end, None if end else file.find(names.duration))


def _usual_ends(names: ColumnNames, begin: str) -> str | list[str] | None:
    if names.end is None or isinstance(names.end, str) or plain_name(begin) == ONSET:
        return names.end
    return [name for name in names.end if plain_name(name) != OFFSET]


def read_times(file: TableFile, times: TimeColumns) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the seconds, to the millionth, that parts begin and end at.

    Returns:
        float64 (n,) each; the ends are None where no column tells them.

    Raises:
        UserError: a cell is no such time, or a part does not end after its beginning.
    """
    starts = _read_seconds(file, times.start, "start")
    ends = None
    if times.end is not None:
        ends = _read_seconds(file, times.end, "end")
    elif times.duration is not None:
        ends = np.round(starts + _read_seconds(file, times.duration, "duration"), 6)
    if ends is not None:
        _refuse_empty(file, times, starts, ends)
    column = file.find([IN_FILE])
    if column is None or plain_name(times.start) != plain_name(IN_SEQUENCE):
        return starts, ends
    own = _read_seconds(file, column, "start")
    return own, None if ends is None else np.round(ends - starts + own, 6)


def _refuse_empty(
    file: TableFile, times: TimeColumns, starts: np.ndarray, ends: np.ndarray
) -> None:
    for row in np.flatnonzero(ends <= starts).tolist():
        begins = f"{times.start} {file.columns[times.start][row]!r}"
        if times.end is not None:
            what = f"{times.end} {file.columns[times.end][row]!r} is not after {begins}"
        else:
            lasts = file.columns[str(times.duration)][row]
            what = f"{times.duration} {lasts!r} is no length of a part"
        raise UserError(
            f"{file.place(row)}: {what}: mend it, or take the row out (data.columns.end=null "
            "makes each part as long as features.seconds)."
        )


def _read_seconds(file: TableFile, column: str, key: str) -> np.ndarray:
    cells = file.columns[column]
    _refuse_ambiguous(file, column)
    seconds = np.array([_seconds(cell) for cell in cells])
    if MILLISECONDS.search(column):
        seconds /= 1000
    for row in np.flatnonzero(~((seconds >= 0) & (seconds < LONGEST))).tolist():
        raise UserError(
            f"{file.place(row)}: {column} {cells[row]!r} is not a number of seconds from 0, nor "
            f"h:mm:ss: mend it, or take the row out (data.columns.{key}=null passes the column "
            "over)."
        )
    return np.round(seconds, 6) + 0.0  # no minus is left of -0


def _refuse_ambiguous(file: TableFile, column: str) -> None:
    """Refuse `1,234` beside `12.5`: a thousand, or little more than one."""
    cells = file.columns[column]
    if all(any(mark in cell for cell in cells) for mark in ".,"):
        for row, cell in enumerate(cells):
            if GROUPED.fullmatch(cell):
                raise UserError(
                    f"{file.place(row)}: {column} {cell!r} may be {cell.replace(',', '.')} or "
                    f"{re.sub('[.,]', '', cell)}, as the column has both points and commas: write "
                    "fractions with a point in all rows."
                )


def _seconds(cell: str) -> float:
    if NUMBER.fullmatch(cell):
        return float(cell.replace(",", "."))
    if clock := CLOCK.fullmatch(cell):
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    return math.nan

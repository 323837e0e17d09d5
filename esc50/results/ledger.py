"""The ledger: one row per run, appended to one CSV file that any number of processes share.

Every row is one physical line, ended by a newline that is written last, so a line without one is
a write that was cut off (a killed process, a crashed machine) and never passes for a row. The file
is only ever appended to, but for a new column: then it is rewritten beside and renamed in.
"""

import csv
import io
import json
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from esc50.atomic import atomic_write, file_lock
from esc50.errors import UserError, refusal
from esc50.results.cells import FORMULA

COLUMNS = (
    "time",
    "signature",
    "experiment",
    "overrides",
    "data",
    "protocol",
    "leaky",
    "synthetic",
    "fold",
    "seed",
    "n_classes",
    "n_train",
    "n_train_clips",
    "n_val",
    "n_test",
    "epochs",
    "train/acc",
    "val/acc",
    "val/loss",
    "test/acc",
    "test/loss",
    "test/f1_macro",
    "test/acc_category5",
    "seconds_fit",
    "git_commit",
    "git_dirty",
    "torch",
    "lightning",
    "python",
    "data_digest",
    "origin",
    "teachers",
    "pretrained_on",
    "precision",
    "device",
    "threads",
    "processor",
    "run_dir",
)
NONE = "none"  # what stands in `overrides` of a recipe as it is
LOCK_SECONDS = 60
PLAIN = {"": None, "true": True, "false": False}

Value = str | int | float | bool | None


def append(path: Path, row: Mapping[str, object]) -> None:
    """Append one run's row, whole or not at all, under a lock shared by all processes.

    Args:
        path: the ledger; it and its folder are made when missing.
        row: flat values by column: numbers, strings, booleans, None. `time` (UTC) is added.
            Columns the ledger does not have yet are added to it; those absent here stay empty.

    Raises:
        UserError: the disk is full, the file cannot be written, or the lock stays held. The ledger
            is then as it was.
    """
    path = path.resolve()  # a rename must replace the file, not a link to it
    row = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **row}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = file_lock(path.with_name(path.name + ".lock"), LOCK_SECONDS)
        with lock.acquire(poll_interval=0.005):
            _append(path, row)
    except Timeout:
        raise UserError(
            f"{path}: locked by another process for over {LOCK_SECONDS} s; end it and try again"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path}: the run's row could not be appended "
            + refusal(error, "its results.json is complete, so then run the same command again")
        ) from None


def append_once(path: Path, row: Mapping[str, object]) -> None:
    """Append a run's row unless it is there: from a process that was killed right after doing so.

    Raises:
        UserError: see `append`.
    """
    key = ("signature", "seed", "fold", "time")
    rows = read(path) if path.exists() else []
    if not any(all(there.get(name) == row.get(name) for name in key) for there in rows):
        append(path, row)


def read(path: Path) -> list[dict[str, Value]]:
    """Read the ledger's rows in the order they were appended, values in their own types.

    A line that was cut off, or that has another number of cells than the header, is left out
    with a warning.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such ledger: the first run that ends makes one in its output_dir"
        ) from None
    except OSError as error:
        raise UserError(f"{path}: the ledger cannot be read ({error.strerror})") from None
    *lines, torn = content.split(b"\n")
    if torn:
        warnings.warn(f"{path}: the last line was cut off and is left out", stacklevel=2)
    if not lines:
        return []
    header = _cells(lines[0])
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = _cells(line)
        if len(cells) == len(header):
            rows.append({name: _value(cell) for name, cell in zip(header, cells, strict=True)})
        elif cells:
            warnings.warn(
                f"{path}: line {number} has {len(cells)} cells instead of {len(header)} "
                "and is left out",
                stacklevel=2,
            )
    return rows


def _append(path: Path, row: Mapping[str, object]) -> None:
    """Repair, widen and append; the caller holds the lock."""
    header = _mend(path)
    fresh = not header
    wanted = dict.fromkeys((*(COLUMNS if fresh else ()), *row))
    new = [name for name in wanted if name not in header]
    header += new
    line = _line([spell(row.get(name)) for name in header])
    if fresh:
        _append_bytes(path, _line(header) + line)
    elif new:
        _widen(path, header, len(new), line)
    else:
        _append_bytes(path, line)


def _mend(path: Path) -> list[str]:
    """Move a line that was cut off into a file beside, and return the header ([] if none)."""
    if not path.exists() or not path.stat().st_size:
        return []
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            content = file.read()
            good = content.rfind(b"\n") + 1
            aside = path.with_name(path.name + ".torn")
            # Kept, not dropped: an editor that saves without a last newline looks the same.
            with aside.open("ab") as torn:
                torn.write(content[good:] + b"\n")
            file.truncate(good)
            warnings.warn(f"{path}: the last line was cut off; moved to {aside}", stacklevel=4)
        file.seek(0)
        return _cells(file.readline().rstrip(b"\n"))


def _widen(path: Path, header: list[str], n_new: int, row: bytes) -> None:
    """Add columns and the row in a new file that is renamed in: each line gets empty cells."""
    lines = path.read_bytes().rstrip(b"\n").split(b"\n")[1:]
    empty = b"," * n_new
    with atomic_write(path, "wb") as file:
        file.write(_line(header))
        file.writelines(line.rstrip(b"\r") + empty + b"\n" for line in lines)
        file.write(row)
        file.flush()
        os.fsync(file.fileno())


def _append_bytes(path: Path, data: bytes) -> None:
    """Append all bytes or, when the disk is full, none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _cells(line: bytes) -> list[str]:
    text = line.decode("utf-8-sig", "surrogateescape").rstrip("\r").replace("\0", "")
    try:
        return next(csv.reader([text]), [])
    except csv.Error:  # a carriage return within, or a cell of over 128 kB: no row of ours
        return [text]


def spell(value: object) -> str:
    """Spell a value as it stands in the ledger, so that `read` gives it back, on one line.

    A string that would read as something else (a hexadecimal signature of digits only), that
    breaks the line, or that a terminal or a spreadsheet would obey, is written as JSON.
    """
    if hasattr(value, "item"):
        value = value.item()  # numpy scalars and 0-d tensors
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    faithful = _value(text) == text and text.isprintable()
    return text if faithful and not text.startswith(FORMULA) else json.dumps(text)


def _value(cell: str) -> Value:
    if cell in PLAIN:
        return PLAIN[cell]
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    if cell.startswith('"'):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            pass
    return cell

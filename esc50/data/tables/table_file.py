"""Tables of any make as columns of text: CSV and its kin, JSON lines, Parquet."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from pathlib import Path
from typing import Any

from esc50.data.notices import notice
from esc50.errors import UserError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
BLANKS = " \t\xa0"  # str.strip() would also take control characters, which are damage
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PROBED = 50  # rows that a separator must fit
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?(?=[\r\n])')  # Excel's own first line


@dataclass(frozen=True)
class TableFile:
    """The cells of a table, without the blanks around them.

    Attributes:
        path: the file.
        columns: cells by column.
        lines: the line of the file that each row ends on.
        what: how it was read, for messages.
        twins: columns of one name, of which `columns` holds the first.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    what: str
    twins: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.lines)

    def find(self, names: str | Sequence[str] | None) -> str | None:
        """Pick the first of several names that is a column, None where none is.

        Of several, which are usual ones, `File_Name` is `file name` and `filename`.

        Raises:
            UserError: a single name is no column, or the one that is meant is there twice.
        """
        found = self._find(names)
        if found in self.twins:
            raise UserError(f"{self.path} has two columns {found!r}: name them apart.")
        return found

    def _find(self, names: str | Sequence[str] | None) -> str | None:
        if isinstance(names, str):
            if names not in self.columns:
                raise UserError(f"{self.path} has no column {names!r}: {self.described}")
            return names
        there = {plain_name(column): column for column in reversed(self.columns)}
        exact = (name for name in names or () if name in self.columns)
        alike = (there[plain_name(name)] for name in names or () if plain_name(name) in there)
        return next(exact, None) or next(alike, None)

    @property
    def described(self) -> str:
        """Say what its columns are and what separates them."""
        return f"it was read as {self.what} with the columns {', '.join(map(repr, self.columns))}"

    def keep(self, rows: Iterable[bool]) -> "TableFile":
        """Keep the rows for which it is true."""
        kept = list(rows)
        if all(kept):
            return self
        columns = {name: list(compress(cells, kept)) for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=list(compress(self.lines, kept)))

    def place(self, row: int) -> str:
        """Name a row for messages."""
        return f"{self.path} line {self.lines[row]}"


def read_table_file(path: Path) -> TableFile:
    """Read a table whose first row names its columns, whatever wrote it.

    By its suffix it is JSON lines (or one JSON list) or Parquet, else text: separated by commas,
    semicolons, tabs or bars, in UTF-8, UTF-16 or Windows-1252. Empty rows are left out.

    Raises:
        UserError: it is missing, empty, not a table, or its rows do not fit its columns.
    """
    try:
        if path.suffix.lower() == ".parquet":
            table = _from_records(path, _read_parquet(path), "Parquet")
        elif path.suffix.lower() in JSON_SUFFIXES:
            table = _from_records(path, _read_json(path, _decode(path)), "JSON lines")
        else:
            table = _read_text(path, _decode(path))
    except (FileNotFoundError, NotADirectoryError):
        place = "" if path.is_absolute() else f": looked for at {path.absolute()}"
        own = "; data=folder reads clips in a sub-folder per class, data=csv any table of clips"
        hint = own if path.parts[-2:] == ("meta", "esc50.csv") else ""
        raise UserError(f"{path} is missing{place}{hint}.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not len(table):
        raise UserError(f"{path} is empty: it lists no clips.")
    return table


def _decode(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path} is a spreadsheet: save it as CSV.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content[:4096]:
        raise UserError(f"{path} is not text: a table is CSV, JSON lines or Parquet.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notice(f"{path} is not UTF-8: read as Windows-1252 (Latin-1)")
        return content.decode("cp1252", errors="replace")


def _read_text(path: Path, text: str) -> TableFile:
    said = SEPARATOR_LINE.match(text)
    if said:  # its line stays, empty, so that lines are counted as in the file
        text = text[said.end() :]
    separator = said[1] if said else _separator(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    cells: list[tuple[list[str], int]] = []
    try:
        for row in reader:
            cells.append(([cell.strip(BLANKS) for cell in row], reader.line_num))
    except csv.Error as error:  # noticed at the end of the file, where a quote is never closed
        begun = cells[-1][1] + 1 if cells else 1
        raise UserError(f"{path} is not a CSV table from line {begun} on: {error}.") from None
    rows = [(row, line) for row, line in cells if any(row)]
    header = rows[0][0] if rows else []
    while header and not header[-1]:  # a separator at the end of each line
        header.pop()
    if _are_counted(rows[1:], len(header)):
        header.insert(0, "")
    twins = frozenset(name for name, n in Counter(filter(None, header)).items() if n > 1)
    for row, line in rows[1:]:
        while len(row) > len(header) and not row[-1]:
            row.pop()
        if len(row) != len(header):
            quotes = " (a comma within a cell takes quotes around it)" if separator == "," else ""
            fields = f"{len(row)} fields instead of {len(header)}"
            raise UserError(f"{path} line {line}: {fields}{quotes}.")
    columns: dict[str, list[str]] = {}
    for at, name in enumerate(header):
        if name:
            columns.setdefault(name, [row[at] for row, _ in rows[1:]])
    what = f"text separated by {SEPARATORS[separator]}"
    return TableFile(path, columns, [line for _, line in rows[1:]], what, twins)


def _are_counted(rows: list[tuple[list[str], int]], n_columns: int) -> bool:
    """Whether R has counted the rows, in a first column that it leaves out of the header."""
    counted = ([str(n)] == row[:1] for n, (row, _) in enumerate(rows, start=1))
    return all(counted) and all(len(row) == n_columns + 1 for row, _ in rows)


def _separator(text: str) -> str:
    """The separator that cuts the first rows into most fields, the same number in each.

    csv.Sniffer takes letters for separators where a table is short.
    """
    lines = [line for line in islice(_lines(text), PROBED) if line.strip()]
    best, most = ",", 1
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
        except csv.Error:
            continue
        counts = Counter(map(len, rows))
        fields = len(rows[0]) if rows else 0
        if fields > most and max(counts[fields], counts[fields + 1]) * 2 > len(rows):
            best, most = separator, fields
    return best


def _lines(text: str) -> Iterator[str]:
    """Cut at line ends, not at what else str.splitlines() takes for one: cells may hold it."""
    return io.StringIO(text, newline=None)


def _read_json(path: Path, text: str) -> list[tuple[Any, int]]:
    try:
        if text.lstrip().startswith("["):
            return [(record, number) for number, record in enumerate(json.loads(text), start=1)]
        if (columns := _json_columns(text)) is not None:
            return [(record, number) for number, record in enumerate(columns, start=1)]
        lines = enumerate(_lines(text), start=1)
        return [(json.loads(line), number) for number, line in lines if line.strip()]
    except ValueError as error:
        raise UserError(f"{path} is not JSON lines: {error}.") from None
    except RecursionError:
        raise UserError(f"{path} is not JSON lines: it holds brackets in brackets.") from None


def _json_columns(text: str) -> list[dict[str, Any]] | None:
    """The records of one object of columns, as pandas writes it; None of anything else.

    A column's cells are a list, or an object of them by the names of rows.
    """
    try:
        columns = json.loads(text)
    except ValueError:  # objects line by line, or none at all
        return None
    if not isinstance(columns, dict) or not columns:
        return None
    if not all(isinstance(cells, list | dict) for cells in columns.values()):
        return None
    by_row = {
        name: cells if isinstance(cells, dict) else dict(enumerate(cells))
        for name, cells in columns.items()
    }
    rows = dict.fromkeys(row for cells in by_row.values() for row in cells)
    return [{name: cells.get(row) for name, cells in by_row.items()} for row in rows]


def _read_parquet(path: Path) -> list[tuple[Any, int]]:
    try:
        from pyarrow.parquet import read_table
    except ModuleNotFoundError:
        raise UserError(
            f"{path} is Parquet: pip install 'esc50[parquet]' to read it, or save it as CSV."
        ) from None
    with path.open("rb") as file:
        try:
            records = read_table(file).to_pylist()
        except UserError:
            raise
        except Exception as error:  # Arrow's own, and what its values raise on the way to Python's
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{path} is not a Parquet table: {reason}") from None
    return [(record, number) for number, record in enumerate(records, start=1)]


def _from_records(path: Path, records: list[tuple[Any, int]], what: str) -> TableFile:
    for record, number in records:
        if not isinstance(record, dict):
            raise UserError(f"{path} line {number}: it is no object with a value per column.")
    names = dict.fromkeys(str(name) for record, _ in records for name in record)
    columns = {name: [_cell(record.get(name)) for record, _ in records] for name in names}
    return TableFile(path, columns, [number for _, number in records], what)


def plain_name(column: str) -> str:
    """Strip a column's name of what people write otherwise: capitals, blanks, underscores."""
    return re.sub(r"[\W_]+", "", column).casefold()


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN, which stands for nothing in tables of numbers
        return ""
    return str(value).strip(BLANKS)

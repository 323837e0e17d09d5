"""A cache entry under construction: where one process is killed, the next one goes on.

A part is a folder that holds the entry's arrays at their full size, `part.json`, which says what
kind they are, and `rows.log`, with a line for the rows of each write: which they are, their
checksum and what is odd about them. A line counts where it fits its own checksum and the rows fit
theirs, so what a kill or a power cut tore is never taken for done.
"""

import json
import os
import shutil
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from esc50.atomic import atomic_write, atomic_write_text
from esc50.config.schema.settings import Settings, read_json
from esc50.data.progress_bar import progress_bar
from esc50.data.threads import for_each

SYNC = 10.0  # seconds from one flush to the disk to the next: what a power cut costs at the most
HEADER, LOG = "part.json", "rows.log"

Shapes = dict[str, tuple[tuple[int, ...], str]]  # name -> shape, little-endian dtype such as "<f4"
Line = tuple[int, int, int, list[str]]  # first row, how many, checksum of all arrays, remarks
LINE = TypeAdapter(Line)


class Header(Settings):
    """What part.json holds."""

    format: int
    arrays: Shapes


class RowWriter:
    """Writes the rows of a part, and knows which are there; safe from several threads.

    Rows go to the file by `pwrite`, not through a memory map: the pages of a map would count as
    this process's memory, which is to stay flat however large the set is.

    Attributes:
        written: bool (rows,), those that are there, and were seen to be whole.
        remarks: rows by what is odd about them.
    """

    def __init__(self, folder: Path, arrays: Shapes, format_: int):
        """Go on with the part in a folder, or begin one where none of the same kind is there."""
        self.written = np.zeros(next(iter(arrays.values()))[0][0], dtype=bool)
        self.remarks: dict[str, list[int]] = defaultdict(list)
        self._shapes, self._files, self._starts = arrays, dict[str, FileIO](), dict[str, int]()
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        if not self._reopen(folder, Header(format=format_, arrays=arrays)):
            self.close()
            _begin(folder, Header(format=format_, arrays=arrays))
            self._open_files(folder)
        lines = self._whole(_read_log(folder / LOG)) if (folder / LOG).exists() else []
        for start, count, _, remarks in lines:
            self._note(start, count, remarks)
        with atomic_write(folder / LOG, "wb") as file:
            file.writelines(map(_written_line, lines))
        self._log = (folder / LOG).open("ab", buffering=0)
        self._synced = time.monotonic()

    def __enter__(self) -> Self:
        """Hand out itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files; what is in them stays."""
        self._log.close()
        self.close()

    @property
    def missing(self) -> np.ndarray:
        """The rows that are still to be written, in order: int64 (n,)."""
        return np.flatnonzero(~self.written)

    def write(self, row: int, remarks: Sequence[str] = (), **values: np.ndarray) -> None:
        """Store consecutive rows of all arrays.

        Args:
            row: index of the first.
            remarks: what is odd about them.
            values: by array.
        """
        checksum, count = 0, 0
        for name, (shape, dtype) in self._shapes.items():
            array = np.ascontiguousarray(values[name], dtype=dtype)
            stride = int(np.prod(shape[1:])) * array.itemsize
            data = array.data.cast("B")
            checksum, count = zlib.crc32(data, checksum), len(data) // stride
            at = self._starts[name] + row * stride
            while data:  # a nearly full disk may take part of it
                written = os.pwrite(self._files[name].fileno(), data, at)
                data, at = data[written:], at + written
        with self._lock:  # after the rows: a line that is there says that they are
            self._log.write(_written_line((row, count, checksum, list(remarks))))
            self._note(row, count, remarks)
        if time.monotonic() > self._synced + SYNC and self._syncing.acquire(blocking=False):
            try:
                self.sync()
            finally:
                self._syncing.release()

    def sync(self) -> None:
        """Have all that was written on the disk."""
        for file in (*self._files.values(), self._log):
            os.fsync(file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close the arrays' files."""
        while self._files:
            self._files.popitem()[1].close()

    def _note(self, start: int, count: int, remarks: Sequence[str]) -> None:
        self.written[start : start + count] = True
        for remark in remarks:
            self.remarks[remark].extend(range(start, start + count))

    def _reopen(self, folder: Path, header: Header) -> bool:
        """Open what is in a folder, if it is a part of this kind."""
        if read_json(folder / HEADER, Header) != header:
            return False
        try:
            self._open_files(folder)
        except (OSError, ValueError):
            return False
        return True

    def _open_files(self, folder: Path) -> None:
        for name, (shape, dtype) in self._shapes.items():
            file = self._files[name] = (folder / f"{name}.npy").open("r+b", buffering=0)
            if array_header(file) != (tuple(shape), False, np.dtype(dtype)):
                raise ValueError(f"{name}.npy holds another kind of array")
            self._starts[name] = file.tell()
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if os.fstat(file.fileno()).st_size != self._starts[name] + size:
                raise ValueError(f"{name}.npy is of the wrong size")

    def _whole(self, lines: list[Line]) -> list[Line]:
        """Those of the log's lines whose rows are what was written."""
        kept: dict[int, Line] = {}

        def keep(line: Line, checksum: int | None) -> None:
            if checksum == line[2]:
                kept[line[0]] = line
            advance()

        with progress_bar("what is there", len(lines), transient=True, patience=1) as advance:
            for_each(self._checksum, lines, keep)
        return list(kept.values())

    def _checksum(self, line: Line) -> int | None:
        row, count = line[:2]
        if row < 0 or count < 1 or row + count > len(self.written):
            return None
        checksum = 0
        for name, (shape, dtype) in self._shapes.items():
            stride = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
            at = self._starts[name] + row * stride
            data = os.pread(self._files[name].fileno(), count * stride, at)
            checksum = zlib.crc32(data, checksum)
        return checksum


def array_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of a .npy file: shape, Fortran order, type. Raises ValueError."""
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)


def _begin(folder: Path, header: Header) -> None:
    """Make one file per array at its full size, so that a full disk shows at once."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for name, (shape, dtype) in header.arrays.items():
        with (folder / f"{name}.npy").open("wb") as file:
            about = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, about)
            file.flush()
            start, size = file.tell(), int(np.prod(shape)) * np.dtype(dtype).itemsize
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), start, size)
            file.truncate(start + size)
    atomic_write_text(folder / HEADER, header.model_dump_json())


def _written_line(line: Line) -> bytes:
    text = json.dumps(line).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _read_log(path: Path) -> list[Line]:
    """The lines that are whole: a kill may have cut off the last one, a power cut any."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if checksum == b"%08x" % zlib.crc32(text):
            try:
                found.append(LINE.validate_json(text))
            except ValidationError:
                continue
    return found

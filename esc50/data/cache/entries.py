"""A content-addressed cache of arrays: one memory-mapped file per array, one folder per entry.

An entry's name is a hash of everything that shapes its numbers, so a changed parameter or file
never meets an old entry. It is written aside under a lock and renamed in, so it is there whole or
not at all; `entry.json` holds sizes and checksums, so a damaged one is noticed and rebuilt. A
process compares every byte with its checksum before it first uses it.
"""

import hashlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import Timeout

from esc50.atomic import atomic_write, file_lock, user_number
from esc50.config.schema.settings import Settings, read_json
from esc50.data.cache.digests import stamp
from esc50.data.cache.part import HEADER, LOG, RowWriter, Shapes, array_header
from esc50.data.progress_bar import progress_bar
from esc50.data.threads import for_each
from esc50.errors import UserError, refusal

FORMAT = 1  # raise it when the meaning of the stored numbers changes
BLOCK = 1 << 20  # bytes read at a time when a checksum is taken
MIB = 1 << 20
REMARKS = "remarks.json"
REMOVED = "was removed while it was built or read: run the same command again"

Remarks = dict[str, list[int]]  # rows by what is odd about them

_checked: set[tuple[str, str, int]] = set()  # files that this process has compared, as they were


class Entry(NamedTuple):
    """An open entry.

    Attributes:
        arrays: by name, memory-mapped copy-on-write: nothing done to them reaches the disk.
        remarks: rows by what is odd about them.
    """

    arrays: dict[str, np.ndarray]
    remarks: Remarks


class FileRecord(Settings):
    """What is recorded of one file of an entry."""

    size: int
    crc32: int


class EntryRecord(Settings):
    """What entry.json holds."""

    format: int
    files: dict[str, FileRecord]
    remarks: FileRecord

    def recorded(self, folder: Path) -> Iterator[tuple[Path, FileRecord]]:
        """Go through the entry's files."""
        for name, record in self.files.items():
            yield folder / f"{name}.npy", record
        yield folder / REMARKS, self.remarks


def entry_key(kind: str, **parts: object) -> str:
    """Name an entry by all that shapes its numbers: kind-<20 hexadecimal digits>."""
    text = json.dumps({"format": FORMAT, "kind": kind, **parts}, sort_keys=True)
    return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}"


def open_or_build(
    cache_dir: Path, key: str, arrays: Shapes, fill: Callable[[RowWriter], None]
) -> Entry:
    """Open the entry `key`, building it with `fill` where it is absent or damaged.

    `fill` is to write all rows that are missing: a build that was killed is gone on with.
    Processes that want the same entry wait for the one that builds it.

    Raises:
        UserError: the cache folder cannot be written, or the disk is full.
    """
    folder = Path(cache_dir) / key
    found = _open(folder, arrays)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{key}.lock")):
            found = _open(folder, arrays, tell=True)  # another process may have built it meanwhile
            if found is None:
                _build(folder, arrays, fill)
                found = _open(folder, arrays)
    except OSError as error:
        found = _open(folder, arrays)  # of a machine that this one shares no locks with
        if found is None:
            raise UserError(_unbuilt(folder, error)) from None
    if found is None:
        fault = "does not read back as written: check that disk" if folder.exists() else REMOVED
        raise UserError(f"the cache entry {folder} {fault}")
    return found


def _unbuilt(folder: Path, error: OSError) -> str:
    """Say why an entry could not be built, and what to do."""
    part = os.path.realpath(_part(folder))  # as whole as `atomic_write` names what it lacks
    lacking = os.path.realpath(str(error.filename))
    if isinstance(error, FileNotFoundError) and lacking.startswith(part):
        return f"the cache entry {folder} {REMOVED}"
    otherwise = refusal(error, "set data.cache_dir to another folder")
    return f"the cache entry {folder} cannot be written {otherwise}"


def _locked(path: Path) -> AbstractContextManager[object]:
    lock = file_lock(path)
    try:
        return lock.acquire(timeout=0.5)
    except Timeout:
        print(
            f"waiting for another process that builds {path.stem} and holds {lock.lock_file}",
            file=sys.stderr,
            flush=True,
        )
        return lock.acquire()


def _build(folder: Path, arrays: Shapes, fill: Callable[[RowWriter], None]) -> None:
    """Make an entry, of what a killed process left of it; only the holder of the lock is here."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)  # now: what belongs to another user cannot be replaced in the end
    part = _part(folder)
    try:
        if fault_of(part, arrays):  # else it was killed right before it was renamed
            with RowWriter(part, arrays, FORMAT) as writer:
                fill(writer)
                if len(writer.missing):
                    raise RuntimeError(f"{len(writer.missing)} rows of {folder.name} are missing")
                writer.sync()
            _record(part, arrays, writer.remarks)
        for name in (HEADER, LOG):
            (part / name).unlink(missing_ok=True)
    except Exception:  # of a clip, the disk or this program; what stops a process leaves the part
        shutil.rmtree(part, ignore_errors=True)
        raise
    part.rename(folder)
    for other in folder.parent.glob(f"{folder.name}.part*"):
        shutil.rmtree(other, ignore_errors=True)  # another user's, who was killed


def _part(folder: Path) -> Path:
    """Where this user builds an entry: nobody could go on with another's files."""
    return folder.with_name(f"{folder.name}.part-{user_number()}")


def _record(part: Path, arrays: Shapes, remarks: Remarks) -> None:
    """Write what makes a part an entry: the remarks, then sizes and checksums."""
    ordered = {remark: sorted(rows) for remark, rows in sorted(remarks.items())}
    _write(part / REMARKS, json.dumps(ordered))
    paths = [*(part / f"{name}.npy" for name in arrays), part / REMARKS]
    sums = dict(zip(paths, _checksums(paths), strict=True))
    records = [FileRecord(size=path.stat().st_size, crc32=sums[path]) for path in paths]
    record = EntryRecord(
        format=FORMAT, files=dict(zip(arrays, records, strict=False)), remarks=records[-1]
    )
    _write(part / "entry.json", record.model_dump_json())


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _open(folder: Path, arrays: Shapes, tell: bool = False) -> Entry | None:
    """The entry, or None where it is absent or not what it says, which is told if need be."""
    if not (folder.exists() or folder.is_symlink()):
        return None
    fault = fault_of(folder, arrays)
    remarks = None if fault else read_json(folder / REMARKS, Remarks)
    n_rows = next(iter(arrays.values()))[0][0]
    if remarks is None or any(not 0 <= row < n_rows for rows in remarks.values() for row in rows):
        if tell:
            said = fault or f"{REMARKS} is damaged"
            print(f"{folder}: {said}; building it again", file=sys.stderr, flush=True)
        return None
    paths = {name: folder / f"{name}.npy" for name in arrays}
    try:
        return Entry({name: np.load(path, mmap_mode="c") for name, path in paths.items()}, remarks)
    except FileNotFoundError:  # removed since it was looked at
        return None


def entry_fault(folder: Path) -> str | None:
    """Say what is wrong with the files of an entry, whatever they are; None where all is whole."""
    record = read_json(folder / "entry.json", EntryRecord)
    if record is None or record.format != FORMAT:
        return "its entry.json is missing, damaged or of another version"
    if any(Path(name).name != name for name in record.files):
        return "its entry.json names files elsewhere"
    files = dict(record.recorded(folder))
    for path, recorded in files.items():
        if path.is_symlink() or not path.is_file() or path.stat().st_size != recorded.size:
            return f"{path.name} is missing or of the wrong size"
    seen = {path: (path.name, stamp(path), recorded.crc32) for path, recorded in files.items()}
    new = [path for path in files if seen[path] not in _checked]  # folds open an entry in turn
    for path, checksum in zip(new, _checksums(new), strict=True):
        if checksum != files[path].crc32:
            return f"{path.name} has changed since it was written"
        _checked.add(seen[path])
    return None


def fault_of(folder: Path, arrays: Shapes) -> str | None:
    """Say what is wrong with an entry; None where every byte is what was written."""
    try:
        if fault := entry_fault(folder):
            return fault
        for name, (shape, dtype) in arrays.items():
            if not _holds(folder / f"{name}.npy", tuple(shape), np.dtype(dtype)):
                return f"{name}.npy holds another kind of array"
    except FileNotFoundError as error:  # not in entry.json, or another process replaces the entry
        return f"{Path(error.filename).name} is missing"
    return None


def _holds(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Tell whether a file is such an array from its beginning to its end."""
    with path.open("rb") as file:
        try:
            header = array_header(file)
        except ValueError:  # a checksum is no proof of who has written it
            return False
        size = file.tell() + int(np.prod(shape)) * dtype.itemsize
    return header == (shape, False, dtype) and size == path.stat().st_size


def _checksums(paths: list[Path]) -> list[int]:
    """The CRC-32 of each file, side by side."""
    size = sum(path.stat().st_size for path in paths)

    def checksum(path: Path) -> int:
        crc = 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                crc = zlib.crc32(block, crc)
                advance(len(block) / MIB)
        return crc

    found: list[int] = []
    with progress_bar("checksums, MiB", size // MIB, transient=True, patience=1) as advance:
        for_each(checksum, paths, lambda _, crc: found.append(crc))
    return found

"""A content-addressed cache of arrays: one memory-mapped file per array, one folder per entry.

An entry's name is a hash of everything that shapes its numbers, so a changed parameter or file
never meets an old entry. It is written aside under a lock and renamed in, so it is there whole or
not at all; `entry.json` holds sizes and checksums, so a damaged one is noticed and rebuilt. A
process compares every byte with its checksum before it first uses it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import Timeout
from pydantic import ConfigDict, TypeAdapter

from esc50.atomic import atomic_write_text, file_lock
from esc50.audio.read import audio_digest
from esc50.config.settings import Settings
from esc50.errors import UserError, refusal

FORMAT = 1  # raise it when the meaning of the stored numbers changes
BLOCK = 1 << 24  # bytes read at a time when a checksum is taken

Memo = dict[str, tuple[str, str]]  # path -> its size, time and inode; its digest
Shapes = dict[str, tuple[tuple[int, ...], str]]  # name -> shape, little-endian dtype such as "<f4"

_Kind = TypeVar("_Kind")
_checked: set[tuple[str, str, int]] = set()  # files that this process has compared, as they were


class File(Settings):
    """What is recorded of one file of an entry."""

    model_config = ConfigDict(extra="ignore")  # earlier versions recorded its time, too

    size: int
    crc32: int


class Entry(Settings):
    """What entry.json holds."""

    format: int
    files: dict[str, File]


class RowWriter:
    """Writes rows of the entry under construction; safe from several threads.

    Rows go to the file by `pwrite`, not through a memory map: the pages of a map would count as
    this process's memory, which is to stay flat however large the set is.
    """

    def __init__(self, folder: Path, arrays: Shapes):
        """Create one file per array, at its full size, so that a full disk shows at once."""
        self._shapes = arrays
        self._files: dict[str, FileIO] = {}
        self._starts: dict[str, int] = {}
        for name, (shape, dtype) in arrays.items():
            file = (folder / f"{name}.npy").open("wb", buffering=0)
            header = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            self._files[name], self._starts[name] = file, file.tell()
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), file.tell(), size)

    def write(self, row: int, **values: np.ndarray) -> None:
        """Store consecutive rows of the named arrays, the first at index `row`."""
        for name, value in values.items():
            shape, dtype = self._shapes[name]
            stride = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
            data = np.ascontiguousarray(value, dtype=dtype).data.cast("B")
            at = self._starts[name] + row * stride
            while data:  # a nearly full disk may take part of it
                written = os.pwrite(self._files[name].fileno(), data, at)
                data, at = data[written:], at + written

    def close(self) -> None:
        """Flush to disk, so that the rename cannot come before the data."""
        for file in self._files.values():
            os.fsync(file.fileno())
            file.close()


def entry_key(kind: str, **parts: object) -> str:
    """Name an entry by all that shapes its numbers: kind-<20 hexadecimal digits>."""
    text = json.dumps({"format": FORMAT, "kind": kind, **parts}, sort_keys=True)
    return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}"


def open_or_build(
    cache_dir: Path, key: str, arrays: Shapes, fill: Callable[[RowWriter], None]
) -> dict[str, np.ndarray]:
    """Open the entry `key`, building it with `fill` where it is absent or damaged.

    Processes that want the same entry wait for the one that builds it.

    Returns:
        The arrays by name, memory-mapped copy-on-write: nothing done to them reaches the disk.

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
            found = _open(folder, arrays)  # another process may have built it meanwhile
            if found is None:
                _build(folder, arrays, fill)
                found = _open(folder, arrays)
    except OSError as error:
        raise UserError(
            f"the cache entry {folder} cannot be written "
            + refusal(error, "set data.cache_dir to another folder")
        ) from None
    if found is None:
        raise UserError(f"the cache entry {folder} does not read back as written: check that disk")
    return found


def clip_digests(paths: list[Path], cache_dir: Path) -> list[str]:
    """Digest each file's bytes; files with unchanged size and time are not read again."""
    memo_path = Path(cache_dir) / "digests" / f"{_hash(str(paths[0].parent.resolve()))}.json"
    memo = _read(memo_path, Memo)
    if memo is None and memo_path.exists():
        print(f"{memo_path} is damaged: all clips are read again", file=sys.stderr, flush=True)
    memo = memo or {}
    stamps = {path: _stamp(path) for path in paths}
    digests = {
        path: entry[1]
        for path, stamp in stamps.items()
        if (entry := memo.get(str(path))) and entry[0] == stamp
    }
    stale = [path for path in stamps if path not in digests]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # reading and hashing release the lock
        digests.update(zip(stale, pool.map(audio_digest, stale), strict=True))
    fresh = {str(path): (stamp, digests[path]) for path, stamp in stamps.items()}
    if fresh != memo:
        with contextlib.suppress(OSError):  # a memo only: a read-only cache can still be a hit
            memo_path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(memo_path, json.dumps(fresh))
    return [digests[path] for path in paths]


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def _locked(path: Path) -> AbstractContextManager[object]:
    lock = file_lock(path)
    try:
        return lock.acquire(timeout=0.5)
    except Timeout:
        print(f"waiting for another process that builds {path.stem}", file=sys.stderr, flush=True)
        return lock.acquire()


def _build(folder: Path, arrays: Shapes, fill: Callable[[RowWriter], None]) -> None:
    # Only the holder of the lock is here, so other unfinished folders are dead processes' leavings.
    for stale in folder.parent.glob(f"{folder.name}.part*"):
        shutil.rmtree(stale, ignore_errors=True)
    part = folder.with_name(f"{folder.name}.part{os.getpid()}")
    part.mkdir()
    try:
        writer = RowWriter(part, arrays)
        fill(writer)
        writer.close()
        files = {name: _describe(part / f"{name}.npy") for name in arrays}
        (part / "entry.json").write_text(json.dumps({"format": FORMAT, "files": files}))
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _open(folder: Path, arrays: Shapes) -> dict[str, np.ndarray] | None:
    """The entry's arrays, or None where it is absent or not what it says."""
    if not (folder.exists() or folder.is_symlink()):
        return None
    entry = _read(folder / "entry.json", Entry)
    fault = fault_of(folder, entry, arrays)
    if fault:
        print(f"{folder}: {fault}; building it again", file=sys.stderr, flush=True)
        return None
    maps = {}
    for name in arrays:
        maps[name] = np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)
    return maps


def entry_fault(folder: Path) -> str | None:
    """Say what is wrong with the files of an entry, whatever they are; None where all is whole."""
    entry = _read(folder / "entry.json", Entry)
    if entry is None:
        return "its entry.json is damaged"
    if any(Path(name).name != name for name in entry.files):
        return "its entry.json names files elsewhere"
    files = ((folder / f"{name}.npy", recorded) for name, recorded in entry.files.items())
    return next((fault for file in files if (fault := _file_fault(*file))), None)


def fault_of(folder: Path, entry: "Entry | None", arrays: Shapes) -> str | None:
    """Say what is wrong with an entry; None where every byte is what was written."""
    if entry is None or entry.format != FORMAT:
        return "its entry.json is missing or damaged"
    for name, (shape, dtype) in arrays.items():
        path, recorded = folder / f"{name}.npy", entry.files.get(name)
        if recorded is None or (fault := _file_fault(path, recorded)):
            return fault if recorded else f"{path.name} is not in its entry.json"
        if not _holds(path, tuple(shape), np.dtype(dtype)):
            return f"{path.name} holds another kind of array"
    return None


def _holds(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Tell whether a file is such an array from its beginning to its end."""
    with path.open("rb") as file:
        try:
            np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0(file)
        except ValueError:  # a checksum is no proof of who has written it
            return False
        size = file.tell() + int(np.prod(shape)) * dtype.itemsize
    return header == (shape, False, dtype) and size == path.stat().st_size


def _file_fault(path: Path, recorded: "File") -> str | None:
    if not path.is_file() or path.is_symlink() or path.stat().st_size != recorded.size:
        return f"{path.name} is missing or of the wrong size"
    seen = (str(path.resolve()), _stamp(path), recorded.crc32)
    if seen not in _checked:  # once per process: folds open the same entry in turn
        if _checksum(path) != recorded.crc32:
            return f"{path.name} has changed since it was written"
        _checked.add(seen)
    return None


def _describe(path: Path) -> dict[str, int]:
    return {"size": path.stat().st_size, "crc32": _checksum(path)}


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    """Read a JSON file; None where there is none, or it is of another shape, however odd."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValueError):  # pydantic's error is a ValueError
        return None

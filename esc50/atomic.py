"""Files that are there whole or not at all."""

import errno
import os
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from esc50.errors import LOCKLESS

if TYPE_CHECKING:
    from filelock import BaseFileLock

NAME_MAX = 255  # bytes of a file's name, on the file systems in use
PART = "*.part[0-9]*"  # a file that is being written, and by which process


@contextmanager
def atomic_write(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside `path`, which takes its place when the block ends well.

    Until then, and if it fails, `path` is as it was. As with a plain write, a link stays one and
    what it leads to is written, and who may read and write a file stays as it is.

    Args:
        path: the file to make or to replace.
        mode: "w" for UTF-8 text with its line ends as they are, "wb" for bytes.
    """
    path = Path(os.path.realpath(path))
    part = path.with_name(_part_name(path.name))
    try:
        with _open(part, mode) as file:
            _keep_rights(path, part)  # before there is anything in it to be read
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _part_name(name: str) -> str:
    """A name for a file that is being written, which no other thread, process or machine takes."""
    ending = f".part{os.getpid()}-{os.urandom(4).hex()}"
    kept = os.fsencode(name)[: NAME_MAX - len(ending)]
    return kept.decode(errors="ignore") + ending


def _keep_rights(path: Path, part: Path) -> None:
    """Give a new file the group and mode of the one that it will replace, as far as may be."""
    with suppress(OSError):  # there is none, or a file system without modes
        old = path.stat()
        with suppress(OSError, AttributeError):  # not one's own group; Windows
            os.chown(part, -1, old.st_gid)
        part.chmod(stat.S_IMODE(old.st_mode))


def _open(path: Path, mode: str) -> IO[Any]:
    if "b" in mode:
        return path.open(mode)
    return path.open(mode, encoding="utf-8", newline="")


def atomic_write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text)


def user_number() -> int:
    """Number whose files these are, also where that user has no name; 0 where users have none."""
    return os.getuid() if hasattr(os, "getuid") else 0


def check_archive(path: Path) -> None:
    """Compare every byte of a zip archive, which torch.save writes, with the archive's own CRC-32s.

    PyTorch does not: it would take a flipped bit for a weight. Other files pass.

    Raises:
        ValueError: a byte is not what was written.
        zipfile.BadZipFile: the archive's directory is damaged.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it would unpack to more than it is, as torch.save writes none")
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} is not what was written")


def file_lock(path: Path, timeout: float = -1) -> "BaseFileLock":
    """Make the lock of a file that processes of all users who may write there share.

    On a file system without locks, a file that a process makes, names itself in and removes stands
    for one; where that process has been killed, the next one on the same machine takes it over.

    Args:
        path: the lock's own file, which stays; in a folder whose files belong to their users alone,
            as in /tmp, it lies in `.locks` there.
        timeout: seconds to wait for another process; -1: as long as it takes.

    Raises:
        OSError: a folder is in its place.
    """
    from filelock import FileLock, SoftFileLock  # --help, too, comes by here

    path = _shared_place(path)
    if path.is_dir():
        raise OSError(errno.EISDIR, f"{path.name}, the lock, is a folder: remove it", str(path))
    if _has_locks(path.parent):
        return FileLock(path, timeout=timeout, mode=0o666)
    return SoftFileLock(path.with_name(f"{path.name}.held"), timeout=timeout)


def _shared_place(path: Path) -> Path:
    """Where a lock's file may be another user's: in a sticky folder filelock refuses it."""
    with suppress(FileNotFoundError):
        mode = path.parent.stat().st_mode
        if mode & stat.S_ISVTX:
            folder = path.parent / ".locks"
            with suppress(FileExistsError):
                folder.mkdir()
                folder.chmod(mode & 0o777)  # whoever may write beside it
            return folder / path.name
    return path


@cache
def _has_locks(folder: Path) -> bool:
    """Try whether a file system has locks; where it has none, say so, once."""
    try:
        import fcntl
    except ImportError:  # Windows, where all have
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in LOCKLESS:
            print(
                f"warning: the file system of {folder} has no locks: a file *.lock.held stands for "
                "one; if its process was killed on another machine, remove it",
                file=sys.stderr,
                flush=True,
            )
            return False
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing in a folder, which this process has alone."""
    for part in folder.rglob(PART):
        if part.is_file():
            part.unlink(missing_ok=True)

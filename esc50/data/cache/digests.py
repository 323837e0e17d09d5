"""What is in each clip's file, as a digest, and how long it is; unchanged ones are not read again.

What was read is kept in a memo in the cache folder. It is named by the folder that all of the
clips are in, so that it stays the same whichever of a data set's clips and classes there are.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from esc50.atomic import atomic_write_text
from esc50.audio.files.read import audio_digest, duration
from esc50.config.schema.settings import read_json
from esc50.data.progress_bar import progress_bar
from esc50.data.threads import for_each
from esc50.errors import UserError

SAVED = 30.0  # seconds of reading that a kill may cost
SETTLED = 2.0  # seconds after which a further change gives another time, on FAT too

_Read = TypeVar("_Read", str, float)


def clip_digests(paths: list[Path], cache_dir: Path) -> list[str]:
    """Digest each file's bytes; files with unchanged size, times and inode are not read again.

    Raises:
        UserError: a file cannot be read.
    """
    return _Memo[str]("digests", paths, cache_dir, str).recall(paths, audio_digest)


def clip_lengths(paths: list[Path], cache_dir: Path) -> list[float]:
    """Measure each file in seconds; files that have not changed are not measured again.

    Raises:
        UserError: a file cannot be read.
    """
    return _Memo[float]("durations", paths, cache_dir, float).recall(paths, duration)


def stamp(path: Path | str) -> str:
    """Tell a file's state: size, times of change of its bytes and of its inode, and that.

    The inode's time is the system's own: no program sets it, as rsync and tar set the other.

    Raises:
        OSError: there is no such file.
    """
    status = os.stat(path)  # noqa: PTH116 - Path's takes far longer
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


class _Memo(Generic[_Read]):
    """What is known of the files of a data set, and of others that share its folder."""

    def __init__(self, what: str, paths: list[Path], cache_dir: Path, kind: type[_Read]):
        """Read what is known.

        Args:
            what: is read, in the plural: a folder of that name holds it.
            paths: of all clips.
            cache_dir: the folder of that folder.
            kind: of what is read.
        """
        folders = {os.path.abspath(path.parent) for path in paths}  # noqa: PTH100 - see `stamp`
        common = Path(os.path.commonpath(folders)).resolve()
        name = hashlib.blake2b(str(common).encode(), digest_size=8).hexdigest()
        self.what, self.path = what, Path(cache_dir) / what / f"{name}.json"
        self.shape: Any = dict[str, tuple[str, kind]]  # type: ignore[valid-type]
        memo = read_json(self.path, self.shape)
        if memo is None and self.path.exists():
            said = f"{self.path} is damaged: all clips are read again"
            print(said, file=sys.stderr, flush=True)
        self.known: dict[str, tuple[str, _Read]] = memo or {}  # by path: its stamp, what was read

    def recall(self, paths: list[Path], read: Callable[[str], _Read]) -> list[_Read]:
        """Say what is known of each file, having read those that are new or have changed."""
        names = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - see `stamp`
        stamps = {name: _stamp(name) for name in names}
        stale = [name for name, now in stamps.items() if self.known.get(name, ("",))[0] != now]
        if stale:
            self._read(stale, stamps, read)
        return [self.known[name][1] for name in names]

    def _read(self, stale: list[str], stamps: dict[str, str], read: Callable[[str], _Read]) -> None:
        """Read files, and keep what is known so far every now and then."""
        began, saved = time.time(), time.monotonic()
        try:
            with progress_bar(self.what, len(stale), transient=True, patience=1) as advance:

                def remember(name: str, found: _Read) -> None:
                    nonlocal saved
                    recent = abs(began - int(stamps[name].split(":")[2]) / 1e9) < SETTLED
                    self.known[name] = ("" if recent else stamps[name], found)
                    advance()
                    if time.monotonic() > saved + SAVED:
                        self._save(stamps)
                        saved = time.monotonic()

                for_each(read, stale, remember)  # which releases the interpreter's lock
        finally:
            self._save(stamps)

    def _save(self, stamps: dict[str, str]) -> None:
        """Write all that is known, with what another process has found out about other files."""
        own = {name: entry for name, entry in self.known.items() if name in stamps}
        known = {**self.known, **(read_json(self.path, self.shape) or {}), **own}
        kept = {name: entry for name, entry in known.items() if name in own or _is_there(name)}
        with contextlib.suppress(OSError):  # a memo only: a read-only cache can still be a hit
            self.path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(self.path, json.dumps(kept))


def _stamp(name: str) -> str:
    try:
        return stamp(name)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}.") from None


def _is_there(name: str) -> bool:
    return os.path.exists(name)  # noqa: PTH110 - see `stamp`

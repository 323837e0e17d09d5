"""What is in each clip's file, as a digest; files that have not changed are not read again."""

import contextlib
import hashlib
import json
import os
import sys
import time
from pathlib import Path

from esc50.atomic import atomic_write_text
from esc50.audio.read import audio_digest
from esc50.config.settings import read_json
from esc50.data.progress_bar import progress_bar
from esc50.data.threads import for_each
from esc50.errors import UserError

SAVED = 30.0  # seconds of reading that a kill may cost
SETTLED = 2.0  # seconds after which a further change gives another time, on FAT too

Memo = dict[str, tuple[str, str]]  # path -> its stamp; its digest


def clip_digests(paths: list[Path], cache_dir: Path) -> list[str]:
    """Digest each file's bytes; files with unchanged size, times and inode are not read again.

    Raises:
        UserError: a file cannot be read.
    """
    folder = hashlib.blake2b(str(paths[0].parent.resolve()).encode(), digest_size=8).hexdigest()
    memo_path = Path(cache_dir) / "digests" / f"{folder}.json"
    memo = read_json(memo_path, Memo)
    if memo is None and memo_path.exists():
        print(f"{memo_path} is damaged: all clips are read again", file=sys.stderr, flush=True)
    memo = memo or {}
    names = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - Path's takes far longer
    stamps = {name: _stamp(name) for name in names}
    stale = [name for name, stamp in stamps.items() if memo.get(name, ("", ""))[0] != stamp]
    if stale:
        _read(stale, stamps, memo, memo_path)
    return [memo[name][1] for name in names]


def stamp(path: Path | str) -> str:
    """Tell a file's state: size, times of change of its bytes and of its inode, and that.

    The inode's time is the system's own: no program sets it, as rsync and tar set the other.

    Raises:
        OSError: there is no such file.
    """
    status = os.stat(path)  # noqa: PTH116 - see above
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


def _stamp(name: str) -> str:
    try:
        return stamp(name)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}.") from None


def _read(stale: list[str], stamps: dict[str, str], memo: Memo, path: Path) -> None:
    """Digest files, and keep what is known so far every now and then."""
    for name in [name for name in memo if name not in stamps and not Path(name).exists()]:
        del memo[name]
    saved, began = time.monotonic(), time.time()

    def remember(name: str, digest: str) -> None:
        nonlocal saved
        recent = abs(began - int(stamps[name].split(":")[2]) / 1e9) < SETTLED
        memo[name] = ("" if recent else stamps[name], digest)
        advance()
        if time.monotonic() > saved + SAVED:
            _save(memo, path)
            saved = time.monotonic()

    try:
        with progress_bar("digests", len(stale), transient=True, patience=1) as advance:
            for_each(audio_digest, stale, remember)  # which releases the interpreter's lock
    finally:
        _save(memo, path)


def _save(memo: Memo, path: Path) -> None:
    with contextlib.suppress(OSError):  # a memo only: a read-only cache can still be a hit
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(path, json.dumps(memo))

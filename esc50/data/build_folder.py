"""A folder that appears whole or not at all, built by one process at a time."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from esc50.errors import UserError


def build_folder(root: Path, ready: Callable[[], bool], build: Callable[[Path], None]) -> None:
    """Make the folder `root` unless it is there.

    `build` is handed an empty folder beside `root`, which takes its name when `build` returns.
    Processes that want the same folder wait for one another; the later ones find it `ready`.

    Raises:
        UserError: the place cannot be written, is full, or holds something else.
    """
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(root.parent / f".{root.name}.lock"):
            if ready():
                return
            if root.exists() and (not root.is_dir() or any(root.iterdir())):
                raise UserError(
                    f"{root} holds something else than the data set that belongs there: "
                    "remove it or choose another data.root."
                )
            beside = root.parent / f".{root.name}.part"
            shutil.rmtree(beside, ignore_errors=True)  # left by a process that was killed
            beside.mkdir()
            try:
                build(beside)
                beside.replace(root)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full" if full else error.strerror or str(error)
        raise UserError(
            f"{root} cannot be written ({what}): choose another place with data.root."
        ) from None

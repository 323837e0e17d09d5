"""A folder that appears whole or not at all, built by one process at a time."""

import shutil
from collections.abc import Callable
from pathlib import Path

from esc50.atomic import file_lock
from esc50.errors import UserError, refusal


def build_folder(root: Path, ready: Callable[[], bool], build: Callable[[Path], None]) -> None:
    """Make the folder `root` unless it is there.

    `build` is handed an empty folder beside `root`, which takes its name when `build` returns.
    Processes that want the same folder wait for one another; the later ones find it `ready`.

    Raises:
        UserError: the place cannot be written, is full, or holds something else.
    """
    if ready():  # also where nothing can be written, not even a lock
        return
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(root.parent / f".{root.name}.lock"):
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
        elsewhere = refusal(error, "choose another place with data.root")
        raise UserError(f"{root} cannot be written {elsewhere}.") from None

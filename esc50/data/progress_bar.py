"""A progress bar for long work."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

REDRAWN = 0.1  # seconds: to count each of many short steps on its own takes longer than they do


@contextmanager
def progress_bar(
    what: str, total: int, transient: bool = False, patience: float = 0.0
) -> Iterator[Callable[..., None]]:
    """Show a bar with rate and time left on standard error; yields `advance(count=1)`.

    Any thread may advance it.

    Args:
        what: is being done.
        total: how much of it there is.
        transient: the bar goes when it is done, and does not come where that is no terminal.
        patience: seconds until it appears; what is done by then needs none.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = transient and not console.is_terminal
    progress = Progress(*columns, console=console, transient=transient, disable=hidden)
    task = progress.add_task(what, total=total, rate="")
    began, lock = time.monotonic(), threading.Lock()
    held = drawn = 0.0

    def advance(count: float = 1) -> None:
        nonlocal held, drawn
        with lock:
            held += count
            if (now := time.monotonic()) < max(drawn + REDRAWN, began + patience):
                return
            drawn = now
            progress.start()
            _flush()

    def _flush() -> None:
        nonlocal held
        progress.advance(task, held)
        held = 0.0
        if speed := progress.tasks[task].speed:
            progress.update(task, rate=f"{speed:.{0 if speed >= 10 else 1}f}/s")

    if not patience:
        progress.start()
    try:
        yield advance
    finally:
        _flush()
        if progress.live.is_started:  # to stop one that is not prints an empty line
            progress.stop()

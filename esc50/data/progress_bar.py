"""A progress bar for long work."""

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


@contextmanager
def progress_bar(what: str, total: int, transient: bool = False) -> Iterator[Callable[..., None]]:
    """Show a bar with rate and time left on standard error; yields `advance(count=1)`.

    Args:
        what: is being done.
        total: how much of it there is.
        transient: the bar goes when it is done.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=transient) as progress:
        task = progress.add_task(what, total=total, rate="")

        def advance(count: int = 1) -> None:
            progress.advance(task, count)
            speed = progress.tasks[task].speed
            if speed:
                progress.update(task, rate=f"{speed:.{0 if speed >= 10 else 1}f}/s")

        yield advance

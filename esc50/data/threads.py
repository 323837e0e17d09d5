"""Work on many items in threads, however many there are."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 8  # items per thread that wait their turn: all of a large set would fill the memory

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def for_each(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    then: Callable[[_Item, _Result], None],
    workers: int | None = None,
) -> None:
    """Call `then(item, work(item))` for each item, in order: `work` in threads, `then` in this one.

    It pays where `work` releases the interpreter's lock. No thread is left when it ends, however it
    ends; the first error ends it.

    Args:
        work: done to each item.
        items: of any number; few are taken ahead of time.
        then: takes the results.
        workers: threads; None: one per core.
    """
    threads = workers or os.cpu_count() or 1
    waiting: deque[tuple[_Item, Future[_Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(work, item)))
                if len(waiting) >= AHEAD * threads:
                    first, job = waiting.popleft()
                    then(first, job.result())
            for item, job in waiting:
                then(item, job.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

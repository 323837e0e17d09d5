"""Leases GPUs to the jobs of sweeps on one machine: one job per GPU, or as many as are allowed."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from esc50.atomic import file_lock, user_number
from esc50.config.hardware import visible_gpus

WAIT = 1.0  # seconds between looks for a free GPU


@contextmanager
def leased(count: int, jobs_per_gpu: int = 1) -> Iterator[dict[str, str]]:
    """Hold `count` of the visible GPUs; wait while other jobs on this machine hold them.

    A lease ends with its process, however that ends.

    Args:
        count: GPUs wanted; more than there are means all of them.
        jobs_per_gpu: jobs that may hold one GPU at a time.

    Yields:
        Environment variables for a process that is to use the leased GPUs; {} without GPUs.
    """
    gpus = visible_gpus()
    wanted = min(count, len(gpus))
    if not wanted:
        yield {}
        return
    with ExitStack() as stack:
        held: list[str] = []
        while len(held) < wanted:
            held += _free(set(gpus) - set(held), wanted - len(held), jobs_per_gpu, stack)
            if len(held) < wanted:
                # What is held is given back: two jobs that each hold half would wait for ever.
                stack.close()
                held = []
                time.sleep(WAIT)
        yield {"CUDA_VISIBLE_DEVICES": ",".join(sorted(held, key=gpus.index))}


def _free(gpus: set[str], count: int, jobs_per_gpu: int, stack: ExitStack) -> list[str]:
    folder = Path(tempfile.gettempdir()) / f"esc50-gpus-{user_number()}"
    folder.mkdir(exist_ok=True)
    found: list[str] = []
    for place in range(jobs_per_gpu):  # every GPU once before any twice
        for gpu in sorted(gpus - set(found)):
            if len(found) < count:
                lock = file_lock(folder / f"{gpu}.{place}.lock")
                try:
                    stack.enter_context(lock.acquire(timeout=0))
                except Timeout:
                    continue
                found.append(gpu)
    return found

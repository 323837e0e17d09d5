"""GPUs for the jobs of a sweep on one machine: no two jobs on one, unless asked."""

import getpass
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

WAIT = 1.0  # seconds between looks for a free GPU


def visible_gpus() -> list[str]:
    """Name the GPUs that this process may use, as CUDA_VISIBLE_DEVICES would; no torch needed."""
    declared = os.environ.get("CUDA_VISIBLE_DEVICES")
    if declared is not None:
        return [name for name in declared.split(",") if name.strip() and name != "-1"]
    try:
        query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


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
    folder = Path(tempfile.gettempdir()) / f"esc50-gpus-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    found: list[str] = []
    for share in range(jobs_per_gpu):  # every GPU once before any twice
        for gpu in sorted(gpus - set(found)):
            if len(found) < count:
                lock = FileLock(folder / f"{gpu}.{share}.lock")
                try:
                    stack.enter_context(lock.acquire(timeout=0))
                except Timeout:
                    continue
                found.append(gpu)
    return found

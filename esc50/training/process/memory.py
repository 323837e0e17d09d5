"""How this process uses the machine's memory."""

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD, TOP_PAD = -3, -1, -2  # glibc's malloc.h: M_MMAP_THRESHOLD, ...


def keep_freed_memory() -> None:
    """Have glibc keep freed memory instead of returning it to the system.

    Each training step frees and takes hundreds of megabytes of activations; by default they are
    unmapped and mapped anew, and the page faults cost a third of the step on a CPU.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent on musl
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 1 << 30)
        mallopt(TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(TOP_PAD, 1 << 28)

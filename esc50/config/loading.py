"""How torch and Lightning are loaded."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

# How often a waiting thread of OpenMP looks before it sleeps: some 50 us. By default it is 300,000
# times, and while it looks it keeps a core from the thread it waits for, where others use some too.
SPINS = "10000"


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import what is large within, a fifth faster: the garbage collector leaves it alone.

    Modules make hundreds of thousands of objects that stay, which the collector would go through
    again and again while they come, and once more whenever it collects everything later. OpenMP,
    which torch brings along, reads meanwhile how its threads are to wait.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()

"""How torch and Lightning are loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import what is large within, a fifth faster: the garbage collector leaves it alone.

    Modules make hundreds of thousands of objects that stay, which the collector would go through
    again and again while they come, and once more whenever it collects everything later.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()

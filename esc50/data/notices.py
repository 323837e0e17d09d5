"""What a data set has to say about itself: each sentence once, on standard error."""

import os
import sys
from collections.abc import Sequence
from functools import cache

from esc50.errors import printable

SHOWN = 3  # names given as examples


@cache  # every fold opens its data anew, and says the same
def notice(sentence: str) -> None:
    """Print a sentence, unless it has been said or another process of the run says it."""
    if os.environ.get("RANK", "0") == "0":
        print(f"data: {printable(sentence)}", file=sys.stderr, flush=True)


def some(names: Sequence[str], shown: int = SHOWN) -> str:
    """List the first of some names, quoted: their beginnings and ends may be blanks."""
    return ", ".join(map(repr, names[:shown])) + (", ..." if len(names) > shown else "")

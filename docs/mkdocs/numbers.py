"""Keeps what belongs together in a table's cell on one line: "56.25 / 51.25", "3 ± 1"."""

import re
from typing import Any

CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
BETWEEN = re.compile(r"(?<=[\d%]) (/|±) (?=[-+]?\d)")


def on_page_content(html: str, **_: Any) -> str:
    """Puts spaces there at which no line is broken."""
    kept = "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}"
    return CELL.sub(lambda cell: BETWEEN.sub(kept, cell[0]), html)

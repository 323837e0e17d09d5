"""Names of files and classes, which anybody may have given, as a page shows them."""

from esc50.data.tables.files import is_plain

MARK = "\N{REPLACEMENT CHARACTER}"


def printable(name: object) -> str:
    """Replace what no screen shows, control characters and broken UTF-8, by a mark."""
    return "".join(letter if is_plain(letter) else MARK for letter in str(name))

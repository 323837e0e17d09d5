"""Names of files and classes, which anybody may have given, as a page shows them."""

MARK = "\N{REPLACEMENT CHARACTER}"


def printable(name: object) -> str:
    """Replace what no screen shows, control characters and broken UTF-8, by a mark."""
    return "".join(letter if letter.isprintable() else MARK for letter in str(name))

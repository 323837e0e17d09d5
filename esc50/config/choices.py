"""The one kind of override that Hydra itself answers with a traceback."""

import sys
from collections.abc import Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# Beside the package in a clone, inside it once installed.
CONF = next(folder / "conf" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "conf").is_dir())


def refuse_null_choices(arguments: Sequence[str]) -> None:
    """Exit with a sentence where an argument chooses null from a config group (`logger=null`)."""
    for argument in arguments:
        group, _, choice = argument.lstrip("+").partition("=")
        if choice.lower() == "null" and group and (folder := CONF / group).is_dir():
            names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
            sys.exit(f"error: {argument} cannot be: choose one of {names}")

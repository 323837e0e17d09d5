"""How commands are typed where one is: as scripts of a clone or as installed; paths with a ~."""

import os
import re
from pathlib import Path

SCRIPT = re.compile(r"python (?:scripts/)?(\w+)\.py")


def as_command(command: str) -> str:
    """Write a command: `python scripts/results.py` in a clone's top folder, else `esc50-results`.

    Args:
        command: train, results, report or another script's name.
    """
    script = Path("train.py" if command == "train" else f"scripts/{command}.py")
    return f"python {script}" if script.is_file() else f"esc50-{command}"


def as_typed(text: str | None) -> str:
    """Write every `python scripts/....py` in a text as it is typed where one is."""
    return SCRIPT.sub(lambda found: as_command(found[1]), text or "")


def expand_home(path: str | os.PathLike[str]) -> str:
    """Put the home folder in the place of a leading `~`, which shells do only for whole words."""
    return os.path.expanduser(path)  # noqa: PTH111  (Path's raises where there is no home)


def typed_path(text: str) -> Path:
    """Read an argument that is a path, also one such as `--output=~/here`."""
    return Path(expand_home(text))

"""The files of conf/ as they are written, with the comment on every key."""

import difflib
from pathlib import Path

from esc50.config.choices import CONF
from esc50.errors import UserError


def show_files(name: str) -> str:
    """Write out the commented files that a name stands for, each below a line that says which.

    Args:
        name: a group ("data"), one choice of it ("data=demo" or "data/demo"), or a command
            ("train", "explore"): its settings that belong to no group.

    Raises:
        UserError: there is no such group or choice.
    """
    wanted = name.strip("/+").removesuffix(".yaml").replace("=", "/")
    folder = CONF / wanted
    groups = [path.parent.relative_to(CONF).as_posix() for path in CONF.glob("*/**/*.yaml")]
    commands = [path.stem for path in CONF.glob("*.yaml")]
    single = folder.with_name(f"{folder.name}.yaml")
    if wanted in groups:
        paths = sorted(folder.glob("*.yaml"))
    elif CONF in single.parents and single.is_file():
        paths = [single]
    else:
        raise UserError(f"--help={name}: {_instead(wanted, sorted({*groups, *commands}))}")
    return "\n".join(f"# {_typed(path)}\n{path.read_text(encoding='utf-8')}" for path in paths)


def _typed(path: Path) -> str:
    """How a file is chosen on the command line, and where it lies."""
    relative = path.relative_to(CONF)
    group = relative.parent.as_posix()
    choice = "read first" if group == "." else f"{group}={path.stem}"
    return f"==== {choice} (conf/{relative.as_posix()})"


def _instead(wanted: str, groups: list[str]) -> str:
    group, _, choice = wanted.rpartition("/")
    if group in groups:
        names = ", ".join(sorted(path.stem for path in (CONF / group).glob("*.yaml")))
        return f"{group} has no choice {choice!r}; there are {names}"
    close = difflib.get_close_matches(wanted, groups, 1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"there is no such group of choices; {meant}there are {', '.join(groups)}"

"""Writes the reference of config groups and keys from conf/ whenever the site is built.

Every line of conf/ carries its explanation as a comment; this turns them into tables. What the
lines say is checked against the YAML itself, so a file that is read wrongly ends the build.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

CONF = Path(__file__).parents[2] / "conf"
RECIPES = ("experiment", "sweep", "debug")  # added with +, and set keys of the other groups
KEY = re.compile(
    r"(?P<indent> *)(?P<key>[^\s:#-][^:#]*):(?: +(?P<value>[^#].*?)?)?(?: *# (?P<note>.*))?"
)
DEFAULT = re.compile(
    r"  - (?:override /?)?(?P<key>[^\s:]+)(?:: (?P<value>\S+))?(?: *# (?P<note>.*))?"
)
COMMENT = re.compile(r" *# (?P<note>.*)")
DECIDES = {
    "data": "which clips",
    "split": "who is tested on whom",
    "features": "what the network sees",
    "augment": "what training varies",
    "model": "the network",
    "optimizer": "how it learns",
    "scheduler": "how the learning rate changes",
    "trainer": "Lightning's Trainer: epochs, devices, precision",
    "callbacks": "what goes on beside training",
    "logger": "where curves go",
    "experiment": "whole recipes",
    "debug": "is it alive?",
    "sweep": "whole searches",
    "hydra/launcher": "where a sweep's jobs run",
    "hydra/sweeper": "which jobs a sweep has",
    "hydra/sweeper/sampler": "how a search chooses",
    "hydra/sweeper/pruner": "which of its trials end early",
}

INTRODUCTION = """# Config groups and keys

Made from the comments in `conf/` when this site was built. `group=choice` picks a file of a group,
`key=value` sets one key; `+experiment=`, `+sweep=` and `+debug=` add a file that sets keys of the
others. `python train.py --help` lists the choices, `python train.py --cfg job` prints the config
that a command line leads to. An unknown key or an impossible value is refused in a sentence before
PyTorch loads.

`monitor` (default `val/loss`) chooses the epoch, stops early and is what a sweep optimises; naming
a `test/` metric there is refused. A class or function of your own goes wherever a `_target_`
stands: [Bring your own parts](../how-to/own-parts.md).

"""


@dataclass
class Line:
    """One setting: its full name, its value as written, what the comment says."""

    key: str
    value: str
    note: str


@dataclass
class Choice:
    """One file of conf/: what it is, what it builds on, what it sets."""

    about: str
    defaults: list[Line]
    settings: list[Line]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds reference/config.md."""
    files.append(File.generated(config, "reference/config.md", content=reference(CONF)))
    return files


def reference(conf: Path) -> str:
    """Renders all of conf/ as one page of Markdown."""
    main = read_choice(conf / "train.yaml", prefix="")
    groups = [line.key for line in main.defaults]
    groups += RECIPES
    groups += sorted(_groups(conf) - set(groups))
    parts = [INTRODUCTION, _overview(conf), "## What every run has {#train}\n\n", _body(main)]
    for group in groups:
        chosen = next((line.value for line in main.defaults if line.key == group), None)
        parts.append(f"## {group} {{#{_anchor(group)}}}\n\n")
        for path in sorted((conf / group).glob("*.yaml"), key=lambda p: (p.stem != chosen, p.stem)):
            parts.append(_section(path, group, is_default=path.stem == chosen))
    for script in ("audit", "explore"):
        choice = read_choice(conf / f"{script}.yaml", prefix="")
        parts += [f"## scripts/{script}.py {{#{script}}}\n\n", _body(choice)]
    return "".join(parts)


def _overview(conf: Path) -> str:
    """All groups on a screen, with links; a group that nobody has described ends the build."""
    if _groups(conf) != DECIDES.keys():
        differ = sorted(_groups(conf) ^ DECIDES.keys())
        raise PluginError(f"DECIDES and the folders of {conf} differ in {', '.join(differ)}")
    lines = ["| group | what it decides | choices |", "|---|---|---|"]
    for group, decides in DECIDES.items():
        names = sorted(path.stem for path in (conf / group).glob("*.yaml"))
        choices = ", ".join(f"[{name}](#{_anchor(group)}-{name})" for name in names)
        lines.append(f"| `{'+' if group in RECIPES else ''}{group}` | {decides} | {choices} |")
    return "\n".join(lines) + "\n\n"


def read_choice(path: Path, prefix: str) -> Choice:
    """Reads one file of conf/.

    Args:
        path: the file.
        prefix: where its keys go in the config, "model." for instance; "" for the top.

    Raises:
        PluginError: the lines do not say what the YAML does.
    """
    text = path.read_text(encoding="utf-8")
    about, defaults, settings = [], [], []
    parents: list[tuple[int, str]] = []  # indentation and name of the keys around this line
    last: Line | None = None
    for line in text.splitlines():
        if match := COMMENT.fullmatch(line):
            if last:
                last.note += f" {match['note'].strip()}"
            elif not match["note"].startswith("@package"):
                about.append(match["note"])
        elif match := DEFAULT.fullmatch(line):
            last = Line(match["key"], match["value"] or "", match["note"] or "")
            defaults.append(last)
        elif match := KEY.fullmatch(line):
            depth = len(match["indent"])
            parents = [parent for parent in parents if parent[0] < depth]
            name = ".".join([*(key for _, key in parents), match["key"]])
            parents.append((depth, match["key"]))
            last = Line(name, match["value"] or "", match["note"] or "")
            settings.append(last)
        elif line.strip():
            raise PluginError(f"{path}: neither a key, a default nor a comment: {line.strip()}")
    settings = [line for line in settings if line.value]
    _compare(path, yaml.safe_load(text) or {}, settings)
    for line in settings:
        line.key = prefix + line.key
    return Choice(" ".join(about), [line for line in defaults if line.key != "_self_"], settings)


def _compare(path: Path, content: dict[str, Any], settings: list[Line]) -> None:
    """Stops the build where the lines were not understood as YAML understands them."""
    content.pop("defaults", None)
    rule = "write a value on its key's line, a list as [a, b], and no # within it"
    try:
        ours = {line.key: yaml.safe_load(line.value) for line in settings}
    except yaml.YAMLError:
        raise PluginError(f"{path} cannot be read for the reference: {rule}") from None
    theirs = dict(_leaves(content))
    if ours != theirs:
        wrong = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
        raise PluginError(f"{path}: {', '.join(wrong)} cannot be read: {rule}")


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _groups(conf: Path) -> set[str]:
    folders = {path.parent.relative_to(conf).as_posix() for path in conf.rglob("*.yaml")}
    return folders - {"."}


def _section(path: Path, group: str, is_default: bool) -> str:
    adds = "+" if group in RECIPES else ""
    mark = " (default)" if is_default else ""
    prefix = "" if group in RECIPES else group.replace("/", ".") + "."
    choice = read_choice(path, prefix)
    heading = f"### `{adds}{group}={path.stem}`{mark} {{#{_anchor(group)}-{path.stem}}}\n\n"
    return heading + _body(choice)


def _body(choice: Choice) -> str:
    text = f"{_escaped(choice.about)}\n\n" if choice.about else ""
    if choice.defaults:
        rows = [(line.key, line.value or "(of this group)", line.note) for line in choice.defaults]
        text += _table(("builds on", "choice", ""), rows)
    if choice.settings:
        rows = [(line.key, line.value, line.note or _of_target(line)) for line in choice.settings]
        text += _table(("key", "value", "what it is"), rows)
    return text


def _of_target(line: Line) -> str:
    return "the class that is built" if line.key.endswith("_target_") else ""


def _table(head: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---|---|---|"]
    for key, value, note in rows:
        shown = value if value.startswith("(") else f"`{value}`"
        cells = [f"`{key}`", shown, _escaped(note)]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n\n"


def _escaped(note: str) -> str:
    """Keeps Markdown from reading emphasis into a comment; what stands in backticks is left."""
    parts = re.split(r"(`[^`]*`)", note)
    return "".join(p if p.startswith("`") else re.sub(r"([*_<])", r"\\\1", p) for p in parts)


def _anchor(group: str) -> str:
    return group.replace("/", "-")

"""Command-line overrides that Hydra would answer in its own words: refused here in a sentence."""

import difflib
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from esc50.config.typed import expand_home

_PACKAGE = Path(__file__).parents[1]
# Beside the package in a clone, inside it once installed.
CONF = next(folder / "conf" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "conf").is_dir())

# Hydra's own; argparse would take the beginning of one for it.
OPTIONS = """help hydra-help version cfg resolve package run multirun shell-completion config-path
    config-name config-dir experimental-rerun info""".split()
PLAIN_KEY = re.compile(r"\+{0,2}[a-z_]+(\.[a-z_]+)*")
GROUP = re.compile(r"[a-z0-9_/]{1,99}")
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_/.-]*")
AT_HOME = re.compile(r"""(?:^|(?<=[\["',]))~[\w.-]*(?=/|$|["',\]])""")
BEFORE_QUOTE = re.compile(r"(\\*)('|\Z)")
# What people who come from elsewhere call a setting.
WORDS = {"epochs": "max_epochs", "learning_rate": "lr", "batch": "batch_size", "folds": "fold"}

# Keys of earlier versions, and what they are called now.
RENAMED = {
    "augment.colour_db": "augment.eq_db",
    "augment.colour_prob": "augment.eq_prob",
    "augment.kind": "augment._target_",
    "augment.mask_height": "augment.freq_mask",
    "augment.mask_width": "augment.time_mask",
    "augment.noise_sigma": "augment.noise_std",
    "augment.noise_sigma_max": "augment.noise_std_max",
    "augment.noise_sigma_min": "augment.noise_std_min",
    "callbacks.last.share": "callbacks.last.max_time_fraction",
    "callbacks.progress.leave": "callbacks.progress.lines",
    "callbacks.pictures": "callbacks.images",
    "data.name": "data._target_",
    "model.input_mean": "input_mean",
    "model.input_std": "input_std",
    "model.label_smoothing": "label_smoothing",
    "model.timm": "model.name",
}


def refuse_overrides(arguments: Sequence[str]) -> None:
    """Exit with a sentence where an argument is none, chooses no name, or uses an earlier key."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        # `--config-dir best` names a folder.
        of_option = before.startswith("-") and before not in ("-m", "--multirun")
        if not of_option and (sentence := _mistyped(argument)):
            sys.exit(f"error: {sentence}")
        key, _, value = argument.lstrip("+~").partition("=")
        group = key.partition("@")[0]
        if GROUP.fullmatch(group) and not _chooses_names(value) and (CONF / group).is_dir():
            names = ", ".join(_names(group))
            sys.exit(f"error: {argument} is invalid: choose one of {names}")
        if sentence := renamed(key):
            sys.exit(f"error: {sentence}")


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _chooses_names(value: str) -> bool:
    """Tell names from null, true and numbers, to which Hydra answers by types of its own."""
    for word in re.split(r"[\s,()\[\]]+", value.lower()):
        if word in ("null", "true", "false"):
            return False
        with suppress(ValueError):
            float(word)
            return False
    return not value or bool(re.search(r"[^\s,()\[\]{}:]", value))


def _mistyped(argument: str) -> str | None:
    """Say what was meant by a setting with dashes or by a bare name; None for other arguments."""
    name, given, value = argument.lstrip("-").partition("=")
    if argument.startswith("--") and name and name not in OPTIONS:
        close = difflib.get_close_matches(name, OPTIONS, 1, cutoff=0.75)
        if close and not (GROUP.fullmatch(name) and (CONF / name).is_dir()):
            return f"there is no option --{name}: did you mean --{close[0]}?"
        plus = "+" if name == "experiment" else ""
        return f"--{name} is no option: settings have no dashes, {plus}{name}={value or 'VALUE'}"
    if not given and argument in _names("experiment"):
        return f"{argument} is a recipe: +experiment={argument}"
    if argument.startswith("experiment="):
        return f"{argument} wants a plus, since no recipe is the default: +{argument}"
    return None


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Write values that are files or folders so that Hydra takes them as they stand.

    Hydra's grammar takes `=`, commas, brackets and letters beyond ASCII for more than a name; only
    `${`, by which one value stands for another, keeps its meaning. Where a path begins with `~`,
    quoted or not, the home folder is put in its place, as shells do for words without a key.
    """
    quoted = []
    for argument in arguments:
        key, given, value = argument.partition("=")
        if PLAIN_KEY.fullmatch(key):
            value = AT_HOME.sub(lambda word: expand_home(word[0]), value)
            if not PLAIN_VALUE.fullmatch(value) and _exists(value):
                value = f"'{BEFORE_QUOTE.sub(_escaped, value)}'"
            argument = f"{key}{given}{value}"
        quoted.append(argument)
    return quoted


def _escaped(found: re.Match[str]) -> str:
    """Escape a quote, and double the backslashes before it or the end: there Hydra halves them."""
    return found[1] * 2 + (found[2] and f"\\{found[2]}")


def _exists(value: str) -> bool:
    try:
        return Path(value).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def renamed(key: str) -> str | None:
    """Say what a key of an earlier version is called now; None for other keys."""
    for before, now in RENAMED.items():
        if f"{key}.".startswith(f"{before}."):
            return f"{before} is now called {now}"
    return None


def describe_refusal(error: Exception) -> str:
    """Say in one sentence what Hydra says in many lines of overrides that it cannot apply."""
    lines = [line.strip() for line in f"{error}\n{error.__cause__ or ''}".splitlines()]
    lines = [line.rstrip(".") for line in lines if line and not line.startswith("See https")]
    first = lines[0].split(": ", 1)[-1] if lines[0].startswith("In '") else lines[0]
    quoted = first.split("'")[1] if first.count("'") >= 2 else ""
    if first.startswith("Could not find"):
        names = _names(Path(quoted).parent.as_posix())
        close = difflib.get_close_matches(Path(quoted).name, names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"there is no {quoted}: {hint}choose one of {', '.join(names)}"
    if (place := _place(lines)) and first.startswith(("Interpolation", "Recursive")):
        return f"{place} cannot be filled in: {first} (${{...}} names another setting)"
    if first.startswith("You must specify"):
        return f"{quoted} has no value: choose one of {', '.join(_names(quoted))} ({quoted}=...)"
    if first.startswith("Could not override") and "is not in struct" in " ".join(lines):
        meant = _meant(quoted)
        hint = f"did you mean {meant}?" if meant else "--cfg job shows all there are"
        return f"{quoted} is not a setting: {hint}"
    if first.startswith("Ambiguous value for argument"):
        return f"{quoted} gives several values: add -m for a job of each, or write key=[1,2]"
    if first.startswith("mismatched input"):
        return (
            f"an argument goes on where it should end ({first}): settings are separated by spaces, "
            "and values with commas or = in them stand in quotes"
        )
    if first.startswith("no viable alternative at input"):
        return f"{quoted} cannot be read as a value: close its brackets and quotes, or quote it all"
    if first.startswith("LexerNoViableAlt"):  # a letter beyond ASCII, a bracket, a space
        argument = first.partition(": ")[2]
        return f"{argument} cannot be read: put its value in quotes, as in 'key=\"value\"'"
    wanted = [line for line in lines if not line.startswith(("full_key", "object_type"))]
    return ": ".join(dict.fromkeys(wanted[:3]))


def _place(lines: Sequence[str]) -> str | None:
    """The setting that OmegaConf's lines are about, where one of them says so."""
    keys = (line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: "))
    return next(filter(None, keys), None)


def _meant(key: str) -> str | None:
    """The setting that a key which is none may stand for: its section left out, or put on."""
    others = [other for other in _declared() if other != key]
    key = WORDS.get(key, key)
    sections = [other for other in others if other.rpartition(".")[2] == key]
    if len(sections) == 1:
        return sections[0]
    if (last := key.rpartition(".")[2]) in others:
        return last
    close = difflib.get_close_matches(key, others, n=1)
    return close[0] if close else None


def _declared() -> list[str]:
    """All keys that files in conf/ set, with their sections."""
    keys = set()
    for path in CONF.rglob("*.yaml"):
        group = path.parent.relative_to(CONF).parts
        section = OmegaConf.load(path)
        if isinstance(section, DictConfig) and "experiment" not in group and "sweep" not in group:
            keys |= {".".join((*group, str(key))) for key in section}
            keys |= {".".join(group)} - {""}
    return sorted(keys - {"defaults"})

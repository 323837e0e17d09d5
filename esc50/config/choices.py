"""Command-line overrides that Hydra would answer in its own words: refused here in a sentence."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# Beside the package in a clone, inside it once installed.
CONF = next(folder / "conf" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "conf").is_dir())

PLAIN_KEY = re.compile(r"\+{0,2}[a-z_]+(\.[a-z_]+)*")
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_/.-]*")

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
    """Exit with a sentence where an argument chooses null from a group, or uses an earlier key."""
    for argument in arguments:
        key, _, value = argument.lstrip("+~").partition("=")
        if value.lower() == "null" and key and (folder := CONF / key).is_dir():
            names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
            sys.exit(f"error: {argument} is invalid: choose one of {names}")
        if sentence := renamed(key):
            sys.exit(f"error: {sentence}")


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the values that are files or folders as they stand, whatever characters they have.

    Hydra's grammar takes `=`, commas, brackets and letters beyond ASCII for more than a name.
    """
    quoted = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if PLAIN_KEY.fullmatch(key) and not PLAIN_VALUE.fullmatch(value) and _exists(value):
            escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
            argument = f"{key}='{escaped}'"
        quoted.append(argument)
    return quoted


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

"""Where a run comes from: its config against the default, and the command that repeats it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import OmegaConf

from esc50.config.choices import CONF
from esc50.config.composition import compose_open, compose_plain
from esc50.config.typed import as_command
from esc50.report.run.subject import Subject

# What says where things lie or how a sweep made the run, not what the run is.
PLACES = ("output_dir", "trial", "rerun", "report", "ckpt_path", "hydra")
PLAIN_WORD = re.compile(r"[\w./-]+")
MISSING = object()


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """List a config's settings by their whole keys; an empty section counts as one."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(
    config: Mapping[str, Any], default: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """List what a config sets otherwise: key, its value, the default; `MISSING` stands for none."""
    ours, theirs = flatten(config), flatten(default)
    keys = [key for key in dict.fromkeys((*ours, *theirs)) if key.split(".")[0] not in PLACES]
    pairs = [(key, ours.get(key, MISSING), theirs.get(key, MISSING)) for key in keys]
    return [(key, value, other) for key, value, other in pairs if value != other]


def command(subject: Subject) -> str | None:
    """Write the command that repeats the runs; None of an evaluation, or where no config is left.

    It is the command that was typed, where Hydra has noted it; else one that says as much.
    """
    if subject.is_evaluation:
        return None
    overrides = _typed(subject)
    if overrides is None:
        if subject.config is None:
            return None
        overrides = overrides_of(subject.config)
    which = {
        "seed": sorted({run.results["seed"] for run in subject.runs}),
        "split.fold": sorted({run.results["fold"] for run in subject.runs}),
    }
    kept = [one for one in overrides if one.partition("=")[0].lstrip("+") not in which]
    several = any(len(values) > 1 for values in which.values())
    kept += [f"{key}={','.join(map(str, values))}" for key, values in which.items()]
    return shlex.join([*as_command("train").split(), *(["-m"] if several else []), *kept])


def _typed(subject: Subject) -> list[str] | None:
    """The overrides that Hydra noted; a fold of several has them in the folder above."""
    first = subject.runs[0].folder
    for folder in dict.fromkeys((subject.folder, first, first.parent)):
        path = folder / ".hydra" / "overrides.yaml"
        try:
            noted = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(noted, list):
            places = tuple(f"{key}{end}" for key in PLACES for end in ("=", "."))
            return [str(one) for one in noted if not str(one).lstrip("+").startswith(places)]
    return None


def overrides_of(config: Mapping[str, Any], base: Sequence[str] = ()) -> list[str]:
    """Find overrides that compose to this config after `base`, with as many choices as fit."""
    from_base = compose_plain(base)
    changed = {key.split(".")[0] for key, _, _ in differences(config, from_base)}
    chosen = []
    for group in (key for key in sorted(changed) if (CONF / key).is_dir() and key in config):
        if _is_foreign(group, config[group]):
            continue  # no choice is like it: what it builds is said instead
        choice = _closest(group, config[group])
        if choice != _closest(group, from_base[group]):
            chosen.append(f"{group}={choice}")
    found = differences(config, compose_plain([*base, *chosen]))
    # A key that is null says nothing, and Hydra does not take it out.
    found = [one for one in found if one[1:] != (MISSING, None)]
    left = _not_following(found, [*base, *chosen])
    return chosen + [_override(key, value, default) for key, value, default in left]


def _not_following(
    found: Sequence[tuple[str, Any, Any]], overrides: Sequence[str]
) -> list[tuple[str, Any, Any]]:
    """Leave out the differences that come with others, by `${...}` or with a section's end."""
    cfg = compose_open(overrides)
    plain: Any = OmegaConf.to_container(cfg)
    raw = flatten(plain)
    follows = {key for key, value in raw.items() if isinstance(value, str) and "${" in value}
    for key, value, _ in found:
        if key not in follows and value is not MISSING:
            OmegaConf.update(cfg, key, value, merge=False)
    plain = OmegaConf.to_container(cfg, resolve=True)
    reached = flatten(plain)
    sections = {key.rpartition(".")[0] for key in raw}
    return [
        (key, value, None if key in sections else default)
        for key, value, default in found
        if key not in follows or reached.get(key, MISSING) != value
        if value is not MISSING or key in reached
    ]


def _closest(group: str, section: Mapping[str, Any]) -> str:
    """The choice of a group that leaves the fewest of its settings to be said."""
    left = {
        path.stem: len(differences({group: section}, {group: _choice(path)}))
        for path in sorted((CONF / group).glob("*.yaml"))
    }
    return min(left, key=lambda choice: left[choice])


def _is_foreign(group: str, section: object) -> bool:
    """Whether a section builds what none of the group's choices does; whatever a config holds."""
    built = {_choice(path).get("_target_") for path in (CONF / group).glob("*.yaml")}
    return isinstance(section, Mapping) and section.get("_target_") not in built


@cache
def _choice(path: Path) -> dict[str, Any]:
    """What a choice's file sets, with those that it builds on; interpolations stay as they are."""
    own = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    bases = [base for base in own.pop("defaults", []) if base != "_self_"]
    for base in bases:
        own = {**_choice(path.with_name(f"{base}.yaml")), **own}
    return dict(own)


def _override(key: str, value: Any, default: Any) -> str:
    if value is MISSING:
        return f"~{key}"
    return f"{'+' if default is MISSING else ''}{key}={spell(value)}"


def spell(value: Any) -> str:
    """Write a value as Hydra's overrides take it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(spell, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{spell(part)}" for key, part in value.items()) + "}"
    text = str(value)
    if not isinstance(value, str) or PLAIN_WORD.fullmatch(text):
        return text
    return QuotedString(text, Quote.single).with_quotes()


def read_chosen_epoch(checkpoint: Path) -> int | None:
    """Say after how many epochs a checkpoint was written; None where it is gone."""
    import torch

    try:
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        return int(loaded["epoch"]) + 1
    except Exception:  # torch.load raises many kinds for files that are not its own
        return None

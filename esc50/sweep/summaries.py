"""Summarises a sweep at its end: each recipe over folds and over seeds."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from esc50.sweep.jobs import Job


@dataclass
class _Recipe:
    """What became of the jobs of one recipe."""

    runs: list[Path] = field(default_factory=list)  # folders of finished runs
    failed: dict[str, str] = field(default_factory=dict)  # why, by "fold 3, seed 42"
    cross_validated: bool = False  # split.fold=all: each job has summarised its folds itself


def summarise_recipes(config: DictConfig, jobs: Iterable[Job]) -> bool:
    """Write and print the summaries of every recipe among a sweep's jobs, which are over.

    Args:
        config: what the jobs were composed from, with Hydra's own part.
        jobs: one that failed is named in its recipe's summaries.

    Returns:
        Whether all of them are complete.
    """
    outputs = Path(config.hydra.sweep.dir).absolute()
    groups: dict[Path, list[Job]] = {}
    for job in jobs:
        if job.folder:
            recipe = Path(job.folder).relative_to(outputs).parts[0]
            groups.setdefault(outputs / recipe, []).append(job)
    folds, seeds = (_swept(config, key) for key in ("split.fold", "seed"))
    complete = True
    several = len(groups) > 1  # then one table of them all is shown, not one for each
    with redirect_stdout(StringIO()) if several else nullcontext():
        for group, own in groups.items():
            complete &= _summarise_recipe(group, _gather(own), folds, seeds)
    if several and not any(job.is_trial for own in groups.values() for job in own):
        from esc50.sweep.grid import show_grid

        show_grid(groups, list(config.hydra.overrides.task), config.monitor)
    return complete


def _swept(config: DictConfig, key: str) -> list[int]:
    """The values a sweep's command line gives a key, [] where it gives none or not by number."""
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    for override in overrides:
        if override.key_or_group == key and override.is_sweep_override():
            values = [str(value) for value in override.sweep_string_iterator()]
            return [int(value) for value in values if value.isdigit()]
    return []


def _gather(jobs: Iterable[Job]) -> _Recipe:
    from esc50.data.split import FOLDS  # loads NumPy, which --help need not wait for
    from esc50.results.run_folder import is_finished

    recipe = _Recipe()
    for job in jobs:
        folder = Path(job.folder)
        if folder.name.startswith("fold"):
            name, members = f"fold {folder.name[4:]}, seed {folder.parent.name[4:]}", [folder]
        else:
            name, members = f"seed {folder.name[4:]}", [folder / f"fold{fold}" for fold in FOLDS]
            recipe.cross_validated = True
        recipe.runs += [member for member in members if is_finished(member)]
        if job.failed:
            recipe.failed[name] = job.failed
    return recipe


def _summarise_recipe(group: Path, recipe: _Recipe, folds: list[int], seeds: list[int]) -> bool:
    """Write one recipe's summaries: one per seed, and one over the seeds."""
    from esc50.data.split import FOLDS

    complete = not recipe.failed
    for folder in sorted({run.parent for run in recipe.runs}):
        if len(folds) > 1 and not recipe.cross_validated:
            runs = [run for run in recipe.runs if run.parent == folder]
            seed = f"seed {folder.name[4:]}"
            failed = {name: why for name, why in recipe.failed.items() if name.endswith(seed)}
            complete &= _summarise(_Recipe(runs, failed), folder, folds, [])
    if len(seeds) > 1 and recipe.runs:
        complete &= _summarise(recipe, group, FOLDS if recipe.cross_validated else folds, seeds)
    return complete


def _summarise(recipe: _Recipe, out: Path, folds: Sequence[int], seeds: list[int]) -> bool:
    from esc50.results.console import show_summary
    from esc50.results.summary import summarise

    summary = summarise(recipe.runs, folds, out=out, expected_seeds=seeds, failed=recipe.failed)
    show_summary(summary, out)
    return bool(summary["complete"])

"""Summarises a sweep at its end: each recipe over folds and over seeds."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from esc50.sweep.jobs import Job
from esc50.sweep.labels import job_words

if TYPE_CHECKING:
    from esc50.report.sweep_report import SweptJob


@dataclass
class _Recipe:
    """What became of the jobs of one recipe."""

    runs: list[Path] = field(default_factory=list)  # folders of finished runs
    failed: dict[str, str] = field(default_factory=dict)  # why, by "fold 3, seed 42"
    folds: set[int] = field(default_factory=set)  # with split.fold=all, what all stood for
    report: bool = True  # whether summaries get their page
    quiet: bool = False  # whether summaries are written only, not printed


def summarise_recipes(config: DictConfig, jobs: Iterable[Job]) -> bool:
    """Write and print the summaries of every recipe among a sweep's jobs, which are over.

    Args:
        config: what the jobs were composed from, with Hydra's own part.
        jobs: one that failed is named in its recipe's summaries.

    Returns:
        Whether all of them are complete.
    """
    # As Hydra writes the jobs' folders: without `..`, and with links as they are.
    outputs = Path(os.path.abspath(config.hydra.sweep.dir))  # noqa: PTH100
    # Jobs that differ in nothing that shapes a run share its folder, where the last one had the
    # last word.
    last = {job.folder: job for job in jobs if job.folder}
    groups: dict[Path, list[Job]] = {}
    for job in last.values():
        group = outputs / Path(job.folder).relative_to(outputs).parts[0]
        groups.setdefault(group, []).append(job)
    folds, seeds = (_swept(config, key) for key in ("split.fold", "seed"))
    complete = True
    several = len(groups) > 1  # then one table of them all is shown, not one for each
    for group, own in groups.items():
        recipe = _Recipe(report=config.report, quiet=several)
        complete &= _summarise_recipe(group, _gather(recipe, own), folds, seeds)
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
            return list(dict.fromkeys(int(value) for value in values if value.isdigit()))
    return []


def _gather(recipe: _Recipe, jobs: Iterable[Job]) -> _Recipe:
    from esc50.results.run_folder import is_finished  # loads what --help need not wait for

    for job in jobs:
        folder = Path(job.folder)
        if folder.name.startswith("fold"):
            name, members = f"fold {folder.name[4:]}, seed {folder.parent.name[4:]}", [folder]
        else:
            name, members = f"seed {folder.name[4:]}", _folds(folder)
            recipe.folds |= {int(member.name[4:]) for member in members}
        recipe.runs += [member for member in members if is_finished(member)]
        if job.failed:
            recipe.failed[name] = job.failed
    return recipe


def _folds(folder: Path) -> list[Path]:
    """The folders of one seed's folds; runs that were kept aside have longer names."""
    found = [path for path in folder.glob("fold*") if path.name[4:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[4:]))


def _summarise_recipe(group: Path, recipe: _Recipe, folds: list[int], seeds: list[int]) -> bool:
    """Write one recipe's summaries: one per seed, and one over the seeds."""
    complete = not recipe.failed
    for folder in sorted({run.parent for run in recipe.runs}):
        if len(folds) > 1 and not recipe.folds:  # with them, each job has summarised its own
            runs = [run for run in recipe.runs if run.parent == folder]
            seed = f"seed {folder.name[4:]}"
            failed = {name: why for name, why in recipe.failed.items() if name.endswith(seed)}
            own = replace(recipe, runs=runs, failed=failed)
            complete &= _summarise(own, folder, folds, [])
    if len(seeds) > 1 and recipe.runs:
        complete &= _summarise(recipe, group, sorted(recipe.folds) or folds, seeds)
    return complete


def _summarise(recipe: _Recipe, out: Path, folds: Sequence[int], seeds: list[int]) -> bool:
    from esc50.results.display.console import show_summary
    from esc50.results.recipes.summary import log_to_tensorboard, summarise

    summary = summarise(recipe.runs, folds, out=out, expected_seeds=seeds, failed=recipe.failed)
    log_to_tensorboard(summary, out)
    if not recipe.quiet:
        show_summary(summary, out)
    if recipe.report:
        from esc50.report.at_end import report_at_end

        report_at_end(out, anew=True, quiet=recipe.quiet)
    return bool(summary["complete"])


def write_page(config: DictConfig, jobs: Iterable[Job], folder: Path) -> None:
    """Write sweep.html into a sweep's folder; whatever goes wrong costs a sentence."""
    from esc50.report.sweep_report import write_sweep_page

    page = folder / "sweep.html"
    try:
        write_sweep_page(page, [_swept_job(job) for job in jobs], config.monitor)
        print(f"the sweep is in {page}")
    except Exception as error:  # of whatever kind: all its runs are done
        print(f"{page} was not written ({error or type(error).__name__})")


def _swept_job(job: Job) -> "SweptJob":
    from esc50.report.sweep_report import SweptJob

    words = job_words([job]) or {}
    state = ("diverged" if job.diverged else "failed") if job.failed else "finished"
    return SweptJob(
        [one for one in job.overrides if not one.startswith("trial.")],
        job.metric,
        state,
        None if job.ended is None else job.ended - job.started,
        why=job.failed or "",
        **words,
    )

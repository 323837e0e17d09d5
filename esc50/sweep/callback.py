"""A multirun: its jobs watched, its results gathered recipe by recipe, what failed said."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from esc50.config.resolvers import register_resolvers
from esc50.sweep import jobs
from esc50.sweep.jobs import LOG, Job
from esc50.sweep.plugins import register_plugins
from esc50.sweep.progress import Watch
from esc50.training.processes import last_lines


class SummariseSweep(Callback):
    """Hydra callback: each job notes how it ended, and the sweep ends in its summaries."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set up a launcher's worker process, which the callback reaches first of all."""
        self.__dict__ = state
        register_resolvers()
        register_plugins()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse an output folder that cannot be written, before Hydra stumbles over it."""
        _make_folder(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Make the sweep's own folder, and begin to watch it."""
        _make_folder(Path(config.hydra.sweep.dir))
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            # Hydra's default, which a recipe could not choose if train.yaml chose another.
            config.hydra.sweeper._target_ = "hydra_plugins.esc50.sweepers.Grid"
        _check_launcher(config)
        # Jobs get a copy of this callback, wherever they run, and so know the folder.
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.folder = Path(config.hydra.sweep.dir).absolute() / "sweeps" / stamp
        jobs.drive(self.folder)
        global _watch
        _watch = Watch(self.folder, config.monitor)
        _watch.start()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Note that the job has begun; a job that is killed leaves it at that."""
        if config.hydra.mode is not None and config.hydra.mode.name == "MULTIRUN":
            jobs.begin(self.folder, config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Summarise every recipe of the sweep; exit non-zero when something failed."""
        _watch.stop()
        outputs = Path(config.hydra.sweep.dir).absolute()
        known = jobs.driven()
        if "study" in config.hydra.sweeper:  # of a search, that a trial diverged is a result
            known = [replace(job, failed=None) if job.diverged else job for job in known]
        failed = [job for job in known if job.failed]
        for job in failed:
            _tell(job)
        groups: dict[Path, list[Job]] = {}
        for job in known:
            if job.folder:
                recipe = Path(job.folder).relative_to(outputs).parts[0]
                groups.setdefault(outputs / recipe, []).append(job)
        folds, seeds = (_swept(config, key) for key in ("split.fold", "seed"))
        complete = [_summarise_group(group, own, folds, seeds) for group, own in groups.items()]
        if failed or not all(complete):
            sys.exit(1)


_watch: Watch | None = None  # not the callback's, which is copied to the jobs


def _check_launcher(config: DictConfig) -> None:
    if config.hydra.launcher._target_ not in Plugins.instance().class_name_to_class:
        choice = config.hydra.runtime.choices["hydra/launcher"]
        extra = "ray" if choice.startswith("ray") else "sweep"
        sys.exit(
            f"error: hydra/launcher={choice} needs a plugin that is not installed: "
            f"pip install -e '.[{extra}]'"
        )


def _tell(job: Job) -> None:
    """Say which job failed, why, and what it said last."""
    print(f"job {job.number} failed: {job.failed}", file=sys.stderr)
    print(f"  its overrides: {job.name}", file=sys.stderr)
    log = Path(job.folder) / LOG
    if job.folder and log.exists():
        print(f"  its log: {log}", file=sys.stderr)
        said = last_lines(log)
        for line in said if said[1:] else []:  # a single line is the reason, given above
            print(f"  | {line}", file=sys.stderr)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        sys.exit(
            f"error: {folder} cannot be written ({error.strerror or error}): set output_dir or "
            "hydra.run.dir to a folder that can"
        )


def _swept(config: DictConfig, key: str) -> list[int]:
    """The values a sweep's command line gives a key, [] where it gives none or not by number."""
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    for override in overrides:
        if override.key_or_group == key and override.is_sweep_override():
            values = [str(value) for value in override.sweep_string_iterator()]
            return [int(value) for value in values if value.isdigit()]
    return []


def _summarise_group(group: Path, own: list[Job], folds: list[int], seeds: list[int]) -> bool:
    """Write one recipe's summaries: one a seed, and one over the seeds. True when complete."""
    from esc50.data.split import FOLDS  # loads NumPy, which --help need not wait for
    from esc50.results.run_folder import is_finished

    runs: list[Path] = []
    failed: dict[str, str] = {}
    own_summary = False  # split.fold=all has summarised its folds itself
    for job in own:
        folder = Path(job.folder)
        if folder.name.startswith("fold"):
            name, members = f"fold {folder.name[4:]}, seed {folder.parent.name[4:]}", [folder]
        else:
            name, members = f"seed {folder.name[4:]}", [folder / f"fold{fold}" for fold in FOLDS]
            own_summary = True
        runs += [member for member in members if is_finished(member)]
        if job.failed:
            failed[name] = job.failed
    by_seed: dict[Path, list[Path]] = {}
    for run in runs:
        by_seed.setdefault(run.parent, []).append(run)
    complete = not failed
    for folder, own in sorted(by_seed.items()):
        if len(folds) > 1 and not own_summary:
            ours = {k: why for k, why in failed.items() if k.endswith(f"seed {folder.name[4:]}")}
            complete &= _summarise(own, folder, folds, [], ours)
    if len(seeds) > 1 and runs:
        complete &= _summarise(runs, group, FOLDS if own_summary else folds, seeds, failed)
    return complete


def _summarise(
    runs: list[Path], out: Path, folds: Sequence[int], seeds: list[int], failed: dict[str, str]
) -> bool:
    from esc50.results.console import show_summary
    from esc50.results.summary import summarise

    summary = summarise(runs, folds, out=out, expected_seeds=seeds, failed=failed)
    show_summary(summary, out)
    return summary["complete"]

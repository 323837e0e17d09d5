"""Hydra's callback around a multirun: progress, summaries, failures and exit code of a sweep."""

import errno
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from esc50.config.command import described_refusals
from esc50.config.resolvers import register_resolvers
from esc50.errors import Stopped, exit_on_error, printable, refusal
from esc50.sweep.jobs import LOG, Job, JobNote, Sweep
from esc50.sweep.plugins import register_plugins
from esc50.sweep.progress import ProgressPrinter
from esc50.sweep.summaries import summarise_recipes, write_page
from esc50.training.process.run_worker import last_lines


class SummariseSweep(Callback):
    """Prints a sweep's progress, notes when its jobs begin, and summarises it at its end."""

    def __init__(self, folder: str | None = None):
        """Take the sweep's folder, None until it begins; jobs find it in their configs."""
        self.progress: ProgressPrinter | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is the driver's alone: jobs get a copy of this callback."""
        return {"progress": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set up a launcher's worker process, which the callback reaches first of all."""
        self.__dict__ = state
        register_resolvers()
        register_plugins()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a sweep without -m, and an output folder that cannot be written.

        That is before Hydra makes any folder.
        """
        sweep = config.hydra.runtime.choices.get("sweep")
        if sweep or is_search(config):
            choice = f"+sweep={sweep}" if sweep else "hydra/sweeper=optuna"
            sys.exit(f"error: {choice} takes many runs: add -m")
        with exit_on_error(), described_refusals():  # of which Hydra would make a warning
            _make_folder(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Make the sweep's own folder, and begin to print its progress."""
        with exit_on_error(), described_refusals():
            _make_folder(Path(config.hydra.sweep.dir))
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            # Hydra's default, which a recipe could not choose if train.yaml chose another.
            config.hydra.sweeper._target_ = "hydra_plugins.esc50.sweepers.Grid"
        _check_launcher(config)
        self.progress = ProgressPrinter(Sweep.create(config), config.monitor)
        self.progress.start()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Note that the job has begun; a job that is killed leaves it at that."""
        if config.hydra.mode is not None and config.hydra.mode.name == "MULTIRUN":
            JobNote.find(config.hydra).begin(config.hydra)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Summarise every recipe of the sweep; exit non-zero when something failed."""
        # Hydra would make a warning of whatever is raised here, and a success of the sweep.
        with exit_on_error():
            if self.progress:
                self.progress.stop()
            try:
                _summarise(config)
            except Stopped as stopped:
                stopped.remedy = "the same command summarises what is done"
                raise


def is_search(config: DictConfig) -> bool:
    """Whether a config's sweeper is the search, whose jobs are trials."""
    return bool(config.hydra.sweeper._target_.endswith(".Search"))


def _summarise(config: DictConfig) -> None:
    sweep = Sweep.find(config.hydra)
    for path in sweep.bad_notes():
        print(f"{path} does not hold what a job notes: it is passed over", file=sys.stderr)
    known = sweep.ended_jobs()
    if is_search(config):  # there, that a trial diverged is a result
        known = [replace(job, failed=None) if job.diverged else job for job in known]
    failed = [job for job in known if job.failed]
    for job in failed:
        _tell(job)
    complete = summarise_recipes(config, known)
    if config.report and known and not is_search(config):  # a search has its own
        write_page(config, known, sweep.folder)
    if failed or not complete:
        sys.exit(1)


def _check_launcher(config: DictConfig) -> None:
    if config.hydra.launcher._target_ not in Plugins.instance().class_name_to_class:
        choice = config.hydra.runtime.choices["hydra/launcher"]
        extra = "ray" if choice.startswith("ray") else "sweep"
        sys.exit(
            f"error: hydra/launcher={choice} needs a plugin that is not installed: "
            f"pip install -e '.[{extra}]'"
        )


def _tell(job: Job) -> None:
    """Say which job failed or diverged, why, and what it said last."""
    how = "diverged" if job.diverged else "failed"
    print(printable(f"job {job.number} {how}: {job.failed}"), file=sys.stderr)
    print(printable(f"  its overrides: {job.name}"), file=sys.stderr)
    log = Path(job.folder) / LOG
    if job.folder and log.exists():
        print(f"  its log: {log}", file=sys.stderr)
        said = last_lines(log)
        for line in said if said[1:] else []:  # a single line is the reason, given above
            print(printable(f"  | {line}"), file=sys.stderr)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise
        sys.exit(
            f"error: {folder} cannot be written "
            + refusal(error, "set output_dir or hydra.run.dir to a folder that can")
        )

"""The end of a multirun: gather its jobs' results, recipe by recipe, and say what is missing."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

import esc50.run.identity  # noqa: F401  (a launcher's worker imports this module: it needs the resolvers)
from esc50.run.results import read_results, write_whole

JOB = "job.json"  # what a job of a sweep leaves in its folder: how it ended
FOLDS = (1, 2, 3, 4, 5)


class SummariseSweep(Callback):
    """Hydra callback: each job notes how it ended, and the sweep ends in its summaries."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse an output folder that cannot be written, before Hydra stumbles over it."""
        _make_folder(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note when the sweep began: older jobs' notes are not its own."""
        _make_folder(Path(config.hydra.sweep.dir))
        self.started = time.time()

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Note that the job has begun; a job that dies leaves it at that."""
        if config.hydra.mode is not None and config.hydra.mode.name == "MULTIRUN":
            overrides = " ".join(config.hydra.overrides.task)
            _note(config, f"ended without a word ({overrides})")

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Summarise every recipe of the sweep; exit non-zero when one is incomplete."""
        folder = Path(config.hydra.sweep.dir)
        notes = [
            (path.parent, json.loads(path.read_text(encoding="utf-8"))["failed"])
            for pattern in (f"*/seed*/{JOB}", f"*/seed*/fold*/{JOB}")
            for path in folder.glob(pattern)
            if path.stat().st_mtime >= self.started - 1  # file times may be a little coarse
        ]
        groups: dict[Path, dict[Path, str | None]] = {}
        for job, failed in notes:
            groups.setdefault(folder / job.relative_to(folder).parts[0], {})[job] = failed
        folds, seeds = (_swept(config, key) for key in ("split.fold", "seed"))
        complete = [_summarise_group(group, jobs, folds, seeds) for group, jobs in groups.items()]
        if not all(complete):
            sys.exit(1)


def note_end(failed: str | None) -> None:
    """Note, in a sweep, how the present job ended: why it failed, or None."""
    _note(HydraConfig.get().runtime.output_dir, failed)


def show_summary(summary: dict[str, Any], folder: Path) -> None:
    """Print a summary's table and where it lies, and add it to TensorBoard."""
    from rich.console import Console

    from esc50.run.summary import log_to_tensorboard
    from esc50.run.summary_text import console_table

    log_to_tensorboard(summary, folder)
    console = Console()
    console.print(console_table(summary))
    console.print(f"the summary is in {folder / 'summary.md'}", soft_wrap=True, highlight=False)


def _note(folder: str | DictConfig, failed: str | None) -> None:
    if isinstance(folder, DictConfig):
        folder = folder.hydra.runtime.output_dir
    write_whole(Path(folder) / JOB, json.dumps({"failed": failed}))


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


def _summarise_group(
    group: Path, jobs: dict[Path, str | None], folds: list[int], seeds: list[int]
) -> bool:
    """Write one recipe's summaries: one a seed, and one over the seeds. True when complete."""
    runs: list[Path] = []
    failed: dict[str, str] = {}
    own_summary = False  # split.fold=all has summarised its folds itself
    for job, reason in sorted(jobs.items()):
        if job.name.startswith("fold"):
            name, members = f"fold {job.name[4:]}, seed {job.parent.name[4:]}", [job]
        else:
            name, members = f"seed {job.name[4:]}", [job / f"fold{fold}" for fold in FOLDS]
            own_summary = True
        runs += [member for member in members if read_results(member)]
        if reason:
            failed[name] = reason
            print(f"{group.name}, {name} failed: {reason}", file=sys.stderr)
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
    from esc50.run.summary import summarise

    summary = summarise(runs, folds, out=out, expected_seeds=seeds, failed=failed)
    show_summary(summary, out)
    return summary["complete"]

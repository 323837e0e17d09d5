"""What is known of a sweep's jobs while they run and after: one small file a job."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from omegaconf import DictConfig

from esc50.atomic import atomic_write_text

LOG = "console.log"  # in the job's folder: what its process printed


@dataclass(frozen=True)
class Job:
    """One job of a sweep; `ended` is None while it runs, and for ever when it was killed."""

    number: int
    overrides: list[str]
    folder: str
    host: str = field(default_factory=socket.gethostname)
    devices: str | None = field(default_factory=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))
    started: float = field(default_factory=time.time)
    ended: float | None = None
    metric: float | None = None
    failed: str | None = None
    pruned: bool = False
    diverged: bool = False  # it failed because its loss was no number any more

    @property
    def name(self) -> str:
        """The overrides, as typed."""
        return " ".join(self.overrides)


_mine: tuple[Path, Job] | None = None  # the job that this process is running
_driven: Path | None = None  # the sweep that this process drives
_expected: int | None = None  # how many jobs it will have, where that is known


def drive(sweep: Path) -> None:
    """Make the folder of a sweep that this process drives."""
    global _driven
    (sweep / "jobs").mkdir(parents=True, exist_ok=True)
    _driven = sweep


def expect(total: int) -> None:
    """Say how many jobs the sweep driven here will have."""
    global _expected
    _expected = total


def expected() -> int | None:
    """How many jobs the sweep driven here will have; None where that is not known."""
    return _expected


def driven() -> list[Job]:
    """The jobs of the sweep driven here, which is over: one that has not ended was killed."""
    known = read_jobs(_driven)
    killed = "its process was killed before it could say why"
    return [
        job if job.ended is not None else replace(job, failed=job.failed or killed) for job in known
    ]


def amend(number: int, overrides: list[str], failed: str) -> None:
    """Note of a job of the sweep driven here that it was lost, unless it noted its own end."""
    if _driven is None:
        return
    known = {job.number: job for job in read_jobs(_driven)}
    job = known.get(number) or Job(number, overrides, folder="", host="", devices=None)
    if job.ended is None:
        job = replace(job, ended=time.time(), failed=failed)
        _write(_driven / "jobs" / f"{number}.json", job)


def begin(sweep: Path, config: DictConfig) -> None:
    """Note below a sweep's folder that the job of this config begins in this process."""
    hydra = config.hydra
    job = Job(hydra.job.num, list(hydra.overrides.task), hydra.runtime.output_dir)
    _note(sweep / "jobs" / f"{job.number}.json", job)


def update(**changes: object) -> None:
    """Change what is noted of this process's job; nothing happens outside a sweep."""
    if _mine is not None:
        _note(_mine[0], replace(_mine[1], **changes))


def end(**how: object) -> None:
    """Note how this process's job ended (metric, failed, pruned, diverged), unless it is noted."""
    if _mine is not None and _mine[1].ended is None:
        update(ended=time.time(), **how)


def read_jobs(sweep: Path) -> list[Job]:
    """Read what the jobs of a sweep have noted so far, by number."""
    return sorted(map(_read, sweep.glob("jobs/*.json")), key=lambda job: job.number)


def _read(path: Path) -> Job:
    """Read a job's note; a damaged one is that of a job that never ended."""
    try:
        return Job(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        number = int(path.stem) if path.stem.isdigit() else -1
        return Job(number, [], folder="", host="", devices=None, failed=f"{path} is damaged")


def _note(path: Path, job: Job) -> None:
    global _mine
    _mine = path, job
    _write(path, job)


def _write(path: Path, job: Job) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(asdict(job), indent=1) + "\n")

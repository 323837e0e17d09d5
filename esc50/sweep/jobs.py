"""What is known of a sweep's jobs while they run and after: one small file per job."""

import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.conf import HydraConf
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig

from esc50.atomic import atomic_write_text

if TYPE_CHECKING:
    from pydantic import TypeAdapter

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
        return " ".join(o for o in self.overrides if not o.startswith("trial."))

    @property
    def is_trial(self) -> bool:
        """Whether it is one of a search, which has a table of its own."""
        return any(override.startswith("trial.number=") for override in self.overrides)


@dataclass(frozen=True)
class Plan:
    """What a sweep's driver knows before its jobs begin.

    `total` counts the jobs there will be, None where that is not known; `earlier` holds those
    among them that ended before this sweep, as trials of a search that it continues.
    """

    total: int | None = None
    earlier: list[Job] = field(default_factory=list)


_Kind = TypeVar("_Kind", Job, Plan)


class Sweep:
    """The folder of one multirun, which its driver and its jobs find in their configs."""

    def __init__(self, folder: Path):
        """Take the folder."""
        self.folder = folder

    @classmethod
    def create(cls, config: DictConfig) -> "Sweep":
        """Make the folder of a new sweep, and enter it into the configs of all its jobs.

        Args:
            config: what the sweep's jobs are composed from, with Hydra's own part.
        """
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        folder = Path(config.hydra.sweep.dir).absolute() / "sweeps" / stamp
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        config.hydra.callbacks.summary.folder = str(folder)
        config.hydra.overrides.hydra.append(f"hydra.callbacks.summary.folder={quoted(folder)}")
        return cls(folder)

    @classmethod
    def find(cls, hydra: DictConfig | HydraConf) -> "Sweep":
        """Find the sweep that a config belongs to, by Hydra's own part of it."""
        return cls(Path(hydra.callbacks["summary"]["folder"]))

    def note(self, number: int) -> "JobNote":
        """The note of one of the jobs, whether it is there yet or not."""
        return JobNote(self.folder / "jobs" / f"{number}.json")

    def jobs(self) -> list[Job]:
        """Read what the jobs have noted so far, by number; notes out of shape are left out."""
        return sorted((job for _, job in self._read() if job), key=lambda job: job.number)

    def ended_jobs(self) -> list[Job]:
        """The jobs of a sweep that is over: one that has not noted its end was killed."""
        killed = "its process was killed before it could say why"
        return [
            job if job.ended is not None else replace(job, failed=killed) for job in self.jobs()
        ]

    def bad_notes(self) -> list[Path]:
        """The files among the notes that hold no job."""
        return [path for path, job in self._read() if job is None]

    def mark_lost(self, number: int, overrides: Sequence[str], why: str) -> None:
        """Note of a job that it was lost, unless it has noted its own end."""
        note = self.note(number)
        job = note.read() or Job(number, list(overrides), folder="", host="", devices=None)
        if job.ended is None:
            note.write(replace(job, ended=time.time(), failed=why))

    def set_plan(self, plan: Plan) -> None:
        """Note what is known before the jobs begin."""
        _write(self.folder / "plan.json", plan)

    def plan(self) -> Plan:
        """Read what was known before the jobs began."""
        return _read(self.folder / "plan.json", Plan) or Plan()

    def _read(self) -> Iterator[tuple[Path, Job | None]]:
        for path in sorted(self.folder.glob("jobs/*.json")):
            yield path, _read(path, Job)


class JobNote:
    """What one job notes of itself, in a file that its sweep's driver reads."""

    def __init__(self, path: Path):
        """Take the file."""
        self.path = path

    @classmethod
    def find(cls, hydra: DictConfig | HydraConf) -> "JobNote":
        """Find the note of the job that a config is of, by Hydra's own part of it."""
        return Sweep.find(hydra).note(hydra.job.num)

    def begin(self, hydra: DictConfig) -> None:
        """Note that the job of this config begins in this process."""
        self.write(Job(hydra.job.num, list(hydra.overrides.task), hydra.runtime.output_dir))

    def update(self, **changes: Any) -> None:
        """Change what is noted; nothing happens before the job has begun."""
        if job := self.read():
            self.write(replace(job, **changes))

    def end(self, **how: Any) -> None:
        """Note how the job ended (metric, failed, pruned, diverged), unless that is noted."""
        job = self.read()
        if job and job.ended is None:
            self.write(replace(job, ended=time.time(), **how))

    def read(self) -> Job | None:
        """Read the note; None where there is none, or none in shape."""
        return _read(self.path, Job)

    def write(self, job: Job) -> None:
        """Replace the note."""
        _write(self.path, job)


def search_jobs(outputs: Path, study: Path) -> dict[int, Job]:
    """Find the jobs of a search's trials, by the trial's number, those of earlier processes too.

    Args:
        outputs: the folder that its sweeps are in.
        study: the search's own folder.
    """
    own, named = f"trial.study={quoted(study)}", "trial.number="
    sweeps = [Sweep(folder) for folder in sorted(outputs.glob("sweeps/*"))]
    jobs = [job for sweep in sweeps for job in sweep.jobs() if own in job.overrides]
    return {
        int(one.removeprefix(named)): job
        for job in jobs
        for one in job.overrides
        if one.startswith(named)
    }


def quoted(value: object) -> str:
    """Write a value as Hydra's overrides take it, whatever characters it has."""
    return QuotedString(str(value), Quote.single).with_quotes()


def _write(path: Path, content: Job | Plan) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(asdict(content), indent=1) + "\n")


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    try:
        return _shapes()[kind].validate_json(path.read_bytes())
    except (OSError, ValueError):  # pydantic's error is a ValueError
        return None


@cache
def _shapes() -> dict[type, "TypeAdapter[Any]"]:
    from pydantic import TypeAdapter  # --help need not wait for it

    return {kind: TypeAdapter(kind) for kind in (Job, Plan)}

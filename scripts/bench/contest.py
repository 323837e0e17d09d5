"""Contestants in processes of their own, measured in turns, and the rows made of it.

Each contestant keeps its own malloc settings, threads and memory; the turns go round, so that what
else the machine does falls on all alike. This side imports nothing heavy: a child's peak memory
begins with its parent's.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from esc50.errors import UserError

BENCHMARK = Path(__file__).parents[1] / "benchmark.py"
MIB = 1 << 20


class Turns:
    """A contestant's end of the line: it waits for its turn and reports what it measured."""

    def __init__(self) -> None:
        """Take standard output for the replies; what libraries print goes to standard error."""
        self._replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, **reply: object) -> None:
        """Send one reply."""
        print(json.dumps(reply), file=self._replies, flush=True)

    def wait(self) -> bool:
        """Report ready, then block until it is this contestant's turn; False when all is over."""
        self.say(ready=True)
        return sys.stdin.readline() == "go\n"

    def report(self, value: float) -> None:
        """Hand in the measurement, and the process's peak memory so far."""
        self.say(value=value, peak_mib=peak_mib())


@dataclass(frozen=True)
class Contestant:
    """What to start: `module:function`, called with the line and the settings as keywords."""

    worker: str
    settings: dict = field(default_factory=dict)
    optional: bool = False  # when it cannot run, it is skipped and the rest goes on
    env: dict[str, str | None] = field(default_factory=dict)  # variables; None: unset


@dataclass
class Outcome:
    """What one contestant did: its measurements, peak memory in MiB, or why it was skipped."""

    values: list[float] = field(default_factory=list)
    peak_mib: float | None = None
    skipped: str | None = None

    @property
    def median(self) -> float | None:
        """Median of the repeats."""
        return statistics.median(self.values) if self.values else None


def compete(
    contestants: dict[str, Contestant], repeats: int, log_dir: Path, advance: Callable[[], None]
) -> dict[str, Outcome]:
    """Start all, let each get ready, then measure them in turns `repeats` times.

    Args:
        contestants: by name.
        repeats: turns of each.
        log_dir: takes what they print.
        advance: called after every turn.

    Raises:
        UserError: a contestant that is not optional failed; the sentence says where its output is.
    """
    running = {}
    outcomes = {name: Outcome() for name in contestants}
    try:
        for name, contestant in contestants.items():
            running[name] = _start(contestant, log_dir / f"{name.replace(' ', '_')}.log")
        for name, process in running.items():
            _listen(name, contestants[name], process, outcomes[name], log_dir)
        for _ in range(repeats):
            for name, process in running.items():
                if outcomes[name].skipped is None:
                    _pipe(process.stdin).write("go\n")
                    _pipe(process.stdin).flush()
                    _listen(name, contestants[name], process, outcomes[name], log_dir)
                    if outcomes[name].skipped is None:  # it says again that it is ready
                        _listen(name, contestants[name], process, outcomes[name], log_dir)
                advance()
    finally:
        for process in running.values():
            _pipe(process.stdin).close()
            process.terminate()
            process.wait()
    return outcomes


def _start(contestant: Contestant, log: Path) -> subprocess.Popen[str]:
    settings = json.dumps(contestant.settings, default=str)
    command = [sys.executable, str(BENCHMARK)]
    command += ["--worker", contestant.worker, "--settings", settings]
    pipe = subprocess.PIPE
    with log.open("w") as file:
        env = {k: v for k, v in {**os.environ, **contestant.env}.items() if v is not None}
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=file, text=True, env=env)


def _pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None  # both are opened by `_start`
    return end


def _listen(
    name: str, contestant: Contestant, process: subprocess.Popen, outcome: Outcome, log_dir: Path
) -> None:
    if outcome.skipped is not None:
        return
    line = _pipe(process.stdout).readline()
    reply: dict[str, Any] = json.loads(line) if line else {"failed": "ended without a word"}
    if "value" in reply:
        outcome.values.append(reply["value"])
        outcome.peak_mib = reply["peak_mib"]
    elif "failed" in reply:
        if not contestant.optional:
            log = (log_dir / f"{name.replace(' ', '_')}.log").read_text()[-2000:]
            raise UserError(f"the contestant {name} failed: {reply['failed']}\n{log}")
        outcome.skipped = reply["failed"]


def serve(worker: str, settings: dict) -> None:
    """Be a contestant: run `module:function` on the line to the parent."""
    import importlib
    import traceback

    turns = Turns()
    module, function = worker.split(":")
    try:
        getattr(importlib.import_module(module), function)(turns, **settings)
    except ModuleNotFoundError as error:
        turns.say(failed=f"{error.name} is not installed (pip install -e '.[bench]')")
    except Exception as error:  # whatever a library does wrong, the others still have their turn
        traceback.print_exc()
        turns.say(failed=f"{type(error).__name__}: {error}"[:300])


def peak_mib() -> float:
    """Largest resident memory of this process so far, in MiB."""
    import resource

    if (peak := high_water_mib(os.getpid())) is not None:  # unlike ru_maxrss, not the parent's
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def high_water_mib(pid: int) -> float | None:
    """Largest resident memory of a running process in MiB; None once it ended, or off Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


def make_row(
    part: str,
    what: str,
    unit: str,
    ours: Outcome,
    *,
    against: str = "",
    other: Outcome | None = None,
    limit_name: str = "",
    limit: Outcome | None = None,
) -> dict:
    """One row: `ratio` is how many times better ours is, `share` how near it is to the limit.

    Units that end in /s are better high, all others (s, ms) better low.
    """
    other, limit = other or Outcome(), limit or Outcome()
    return {
        "part": part,
        "what": what,
        "unit": unit,
        "ours": ours.median,
        "ours_skipped": ours.skipped,
        "against": against,
        "other": other.median,
        "other_skipped": other.skipped,
        "ratio": _better(unit, ours.median, other.median),
        "limit_name": limit_name,
        "limit": limit.median,
        "share": _better(unit, ours.median, limit.median),
        "repeats": len(ours.values),
        "ours_peak_mib": ours.peak_mib,
        "other_peak_mib": other.peak_mib,
        "ours_values": ours.values,
        "other_values": other.values,
        "limit_values": limit.values,
    }


def _better(unit: str, ours: float | None, other: float | None) -> float | None:
    if not ours or not other:
        return None
    return ours / other if unit.endswith("/s") else other / ours

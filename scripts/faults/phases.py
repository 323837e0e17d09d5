"""The phases of a command, told by what lies on the disk and on the console: nothing is hooked."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faults.ground import ALL, ONE, RANKS, SWEEP, Command

LOOK = 0.003  # seconds between two looks
EPOCHS = "epoch 3/3"  # what the last epoch of one run is called

Seen = Callable[[Command, Path], bool]  # told by the command and the trial's folder


@dataclass(frozen=True)
class Phase:
    """A stretch of a command.

    Attributes:
        name: of it.
        kind: of the command.
        begun: tells whether it has begun.
        spread: seconds after its beginning up to which a fault may strike.
        own: what a trial needs of its own to come by it: "demo", "cache".
        reports: whether the command is to write reports.
        late: whether all is on disk by then, so that a fault may find nothing to break.
    """

    name: str
    kind: str
    begun: Seen
    spread: float = 0.0
    own: tuple[str, ...] = ()
    reports: bool = False
    late: bool = False

    def reach(self, command: Command, folder: Path, rng: random.Random) -> bool:
        """Wait until a command is in this phase; False where it has ended before."""
        while command.runs:
            with suppress(OSError):  # a file that has gone while it was looked for
                if self.begun(command, folder):
                    time.sleep(rng.uniform(0, self.spread))
                    return command.runs
            time.sleep(LOOK)
        return False


def _at_once(command: Command, folder: Path) -> bool:
    return True


def _imports(command: Command, folder: Path) -> bool:
    return command.heeds


def _there(pattern: str) -> Seen:
    return lambda command, folder: any(folder.glob(pattern))


def _said(words: str) -> Seen:
    return lambda command, folder: words in command.text


def _rewrites(command: Command, folder: Path) -> bool:
    """A later last.ckpt is being written beside the one there is."""
    checkpoints = folder / "run" / "checkpoints"
    return (checkpoints / "last.ckpt").exists() and any(checkpoints.glob("last.ckpt.part*"))


def _tests(command: Command, folder: Path) -> bool:
    """The last epoch's checkpoint has been written, after the epoch's line."""
    last = folder / "run" / "checkpoints" / "last.ckpt"
    if EPOCHS not in command.text or any(last.parent.glob("*.part*")):
        return False
    return last.stat().st_mtime > command.console.stat().st_mtime


def _trains(log: str) -> Seen:
    """A job's log, or the console of the ranks, has its first epoch."""

    def begun(command: Command, folder: Path) -> bool:
        return any("epoch 1/" in path.read_text() for path in folder.glob(log))

    return begun


def _both(command: Command, folder: Path) -> bool:
    return len(list(folder.glob("outputs/*/seed*/fold*/results.json"))) == 2


PHASES = [
    Phase("Python starts", ONE, _at_once, 0.06),
    Phase("imports", ONE, _imports, 2.0),
    Phase("demo sounds", ONE, _there("demo/**/*.wav"), 0.3, ("demo", "cache")),
    Phase("features", ONE, _there("cache/*/*.npy"), 0.05, ("cache",)),
    Phase("training", ONE, _there("run/checkpoints/last.ckpt"), 1.0),
    Phase("checkpoint writing", ONE, _rewrites),
    Phase("the test", ONE, _tests, 0.05),
    Phase("results", ONE, _there("run/predictions.csv*")),
    Phase("checkpoints made small", ONE, _there("run/results.json")),
    Phase("ledger", ONE, _there("outputs/results.csv*")),
    Phase("report", ONE, _there("outputs/results.csv"), 1.0, reports=True, late=True),
    Phase("fold 2 of all", ALL, _there("run/fold2/checkpoints/*"), 1.0),
    Phase("summary of all", ALL, _there("run/fold5/results.json"), 1.0, reports=True, late=True),
    Phase("imports of a sweep", SWEEP, _imports, 1.0),
    Phase("a job of a sweep trains", SWEEP, _trains("outputs/*/seed*/fold*/console.log"), 1.0),
    Phase("summary of a sweep", SWEEP, _both, 1.0, reports=True, late=True),
    Phase("processes start", RANKS, lambda c, _: bool(c.processes("forkserver")), 3.0),
    Phase("processes train", RANKS, _said("epoch 1/"), 0.5),
]
OF_ONE = [phase for phase in PHASES if phase.kind == ONE][2:]  # those that write files

"""Where runs are broken and mended: the commands, what they leave, and what they should leave."""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TRAIN = "from esc50.cli import train; train()"
SETTINGS = [
    *"data=demo data.clips_per_fold=1 trainer.accelerator=cpu".split(),
    *"features.sample_rate=8000 features.n_fft=256 features.hop_length=128".split(),
    *"features.n_mels=32 features.frames=64 features.height=32 features.width=32".split(),
    *"callbacks.early_stopping=null callbacks.last.max_time_fraction=1 batch_size=16".split(),
    "augment=online",
]
# Kinds of command: what is given beside the settings.
ONE, ALL, SWEEP, RANKS = "one run", "split.fold=all", "a sweep", "two processes"
KINDS = {
    ONE: ["trainer.max_epochs=3"],
    ALL: ["split.fold=all", "trainer.max_epochs=1"],
    SWEEP: ["-m", "split.fold=1,2", "trainer.max_epochs=2"],
    RANKS: ["trainer=ddp_cpu", "trainer.max_epochs=4"],
}
PATIENCE = 600  # seconds that a command may take
ORPHANED = 120  # seconds after which a process that outlives its command is an orphan
MARK = "ESC50_SOAK"  # environment variable that tells a command's processes from others
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class Command:
    """A running command, in a process group of its own."""

    def __init__(self, words: list[str], console: Path, env: Mapping[str, str]):
        """Start it; all that it prints goes to `console`."""
        self.console, self.mark = console, f"{MARK}={console}"
        mine = {**os.environ, MARK: str(console), **env}
        with console.open("wb") as log:
            self.process = subprocess.Popen(
                words,
                stdout=log,
                stderr=log,
                env=mine,
                start_new_session=True,
                preexec_fn=_heed_ctrl_c,
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.console.read_text(encoding="utf-8", errors="replace")

    @property
    def heeds(self) -> bool:
        """Whether it has said what it does at SIGTERM, as Linux knows."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
        return False

    def tell(self, number: int, everyone: bool = False) -> None:
        """Send a signal to it, or to all its processes as a terminal does."""
        with suppress(ProcessLookupError):
            (os.killpg if everyone else os.kill)(self.process.pid, number)

    def wait(self) -> int:
        """Wait for its end; returns its exit code, and kills one that takes too long."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.tell(signal.SIGKILL, everyone=True)
            self.process.wait()
            raise AssertionError(f"no end after {PATIENCE} s: {self.console}") from None

    def processes(self, words: str = "") -> list[int]:
        """Its processes that live, by the environment they inherit, and by words they are run by.

        A process cannot shed its first environment, whoever becomes its parent.
        """
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found += [int(folder.name)] if words in line and line else []
        return sorted(found)

    def orphans(self) -> list[int]:
        """Processes that are still there some time after it has ended; they are killed."""
        deadline = time.monotonic() + ORPHANED
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for number in left:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return left


def _heed_ctrl_c() -> None:
    """Undo what a shell does to a soak in the background; a command would ignore Ctrl-C as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Trial:
    """One fault done to one command, in a folder of its own.

    Attributes:
        ground: what is shared between trials.
        kind: of the command.
        folder: where all of the command is written.
        rng: draws moments and places.
        own: which of the shared folders, "demo" and "cache", it has of its own, in `folder`.
        reports: whether reports are written, which takes longer than all the rest.
        user: what its commands are run by, to be another user.
    """

    ground: "Ground"
    kind: str
    folder: Path
    rng: random.Random
    own: tuple[str, ...] = ()
    reports: bool = False
    user: list[str] = field(default_factory=list)
    told: int = 0

    def start(self, env: Mapping[str, str] | None = None) -> Command:
        """Give the command; the same one each time."""
        assert not self.ground.ended, "the soak has been told to stop"
        self.told += 1
        places = {
            name: self.folder / name if name in self.own else self.ground.work / name
            for name in ("demo", "cache")
        }
        words = [sys.executable, "-c", TRAIN, *KINDS[self.kind], *SETTINGS]
        words += [f"report={str(self.reports).lower()}"]
        words += [f"data.root={places['demo']}", f"data.cache_dir={places['cache']}"]
        words += [f"output_dir={self.folder / 'outputs'}"]
        words += [] if self.kind == SWEEP else [f"hydra.run.dir={self.folder / 'run'}"]
        console = self.ground.work / "consoles" / f"{self.folder.name}-{self.told}.log"
        home = {"HOME": str(self.folder), "MPLCONFIGDIR": str(self.folder / "mpl")}
        env = {**(home if self.user else {}), **(env or {})}
        self.ground.commands.append(command := Command([*self.user, *words], console, env))
        return command

    def finish(self, env: Mapping[str, str] | None = None) -> None:
        """Give the command, let it end well, and compare what it leaves with the unbroken one's."""
        command = self.start(env)
        code = command.wait()
        assert code == 0, f"exit code {code} at last: {command.console}"
        self.compare()

    def compare(self) -> None:
        """Refuse other predictions than the unbroken command's, other rows, anything half-written.

        Raises:
            AssertionError: says what differs.
        """
        expected = self.ground.expected(self.kind)
        found = predictions(self.folder)
        assert found.keys() == expected.keys(), f"other runs: {sorted(found)}"
        for name, content in expected.items():
            assert found[name] == content, f"other predictions: {self.folder / name}"
        with (self.folder / "outputs" / "results.csv").open(newline="") as file:
            rows = [(row["signature"], row["seed"], row["fold"]) for row in csv.DictReader(file)]
        assert len(set(rows)) == len(rows) == len(found), f"rows in the ledger: {rows}"
        left = [str(path) for path in self.folder.rglob("*.part[0-9]*")]
        assert not left, f"left half-written: {left}"


def predictions(folder: Path) -> dict[str, bytes]:
    """The predictions of all runs in a folder, by path; those kept aside are left out."""
    paths = [path.relative_to(folder) for path in folder.rglob("predictions.csv")]
    kept = [path for path in paths if "previous-" not in str(path)]
    return {str(path): (folder / path).read_bytes() for path in kept}


class Ground:
    """A folder with unbroken commands, in which others are broken and mended."""

    def __init__(self, work: Path):
        """Take an empty folder."""
        self.work = work
        self.commands: list[Command] = []
        self.ended = False
        self._expected: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()
        (work / "consoles").mkdir()
        work.chmod(0o755)  # another user's commands work in it

    def expected(self, kind: str) -> dict[str, bytes]:
        """The predictions of the unbroken command of a kind, which is given once."""
        with self._lock:
            if kind not in self._expected:
                folder = self.work / f"unbroken-{list(KINDS).index(kind)}"
                folder.mkdir()
                trial = Trial(self, kind, folder, random.Random(0))
                command = trial.start()
                code = command.wait()
                assert code == 0, f"exit code {code} of the unbroken command: {command.console}"
                self._expected[kind] = predictions(folder)
        return self._expected[kind]

    def end(self) -> None:
        """Kill whatever still runs, and begin nothing more."""
        self.ended = True
        for command in self.commands:
            if command.runs:
                command.tell(signal.SIGKILL, everyone=True)

    def copy(self, name: str, folder: Path) -> None:
        """Give a trial its own copy of the demo sounds or of the cache."""
        shutil.copytree(self.work / name, folder / name)

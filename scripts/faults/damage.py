"""Folders that moved, files that were damaged, clocks that jumped back."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from faults.ground import Trial
from faults.phases import PHASES, Phase
from faults.stops import Fault

DAYS = 2 * 86400  # seconds by which the clock jumps
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
TRAINING = next(phase for phase in PHASES if phase.name == "training")


def damages() -> dict[tuple[str, str], tuple[Phase, Fault]]:
    """All that is done to folders and files, by name and place."""
    places = {
        "last.ckpt": _damaged("checkpoints/last.ckpt"),
        "best.ckpt": _damaged("checkpoints/best.ckpt"),
        "results.json": _damaged("results.json"),
        "a cached array": _cached("logmel.npy"),
        "entry.json of the cache": _cached("entry.json"),
    }
    faults: dict[tuple[str, str], tuple[Phase, Fault]] = {
        ("SIGKILL, and the folder moved", "training"): (TRAINING, _moved),
        ("the clock jumps back two days", "training"): (TRAINING, _clock),
        ("gone", "best.ckpt"): (TRAINING, places["best.ckpt"](lambda path, rng: path.unlink())),
    }
    for name, make in places.items():
        faults["cut off", name] = TRAINING, make(_cut)
        if name in ("last.ckpt", "best.ckpt", "a cached array"):
            faults["a flipped bit", name] = TRAINING, make(_flip)
    return faults


Damage = Callable[[Path, random.Random], None]


def _damaged(name: str) -> Callable[[Damage], Fault]:
    """Damages a file of a run that was cut off before its results were written."""

    def make(damage: Damage) -> Fault:
        def fault(trial: Trial) -> None:
            trial.ground.expected(trial.kind)
            whole = trial.ground.work / "unbroken-0" / "run"
            shutil.copytree(whole, trial.folder / "run")
            if name != "results.json":
                (trial.folder / "run" / "results.json").unlink()
            damage(trial.folder / "run" / name, trial.rng)

        return fault

    return make


def _cached(name: str) -> Callable[[Damage], Fault]:
    """Damages a file of the cache before a run."""

    def make(damage: Damage) -> Fault:
        def fault(trial: Trial) -> None:
            trial.ground.expected(trial.kind)
            trial.own = ("cache",)
            trial.ground.copy("cache", trial.folder)
            (path,) = trial.folder.glob(f"cache/clips-*/{name}")
            damage(path, trial.rng)

        return fault

    return make


def _moved(trial: Trial) -> None:
    """Cut a run off in training, and move all it has written."""
    command = trial.start()
    assert TRAINING.reach(command, trial.folder, trial.rng), f"it ended: {command.console}"
    command.tell(signal.SIGKILL)
    command.wait()
    trial.folder = trial.folder.rename(trial.folder.with_name(f"{trial.folder.name}-moved"))


def _clock(trial: Trial) -> None:
    """Set the clock back in training; cut the run off, and leave the clock as it is.

    Where there is no libfaketime, the files of a run that was cut off are given times to come.
    """
    library = next(iter(sorted(Path("/").glob(LIBRARIES[1:]))), None)
    if library is None:
        command = trial.start()
        assert TRAINING.reach(command, trial.folder, trial.rng), f"it ended: {command.console}"
        command.tell(signal.SIGKILL)
        command.wait()
        for path in trial.folder.rglob("*"):
            times = path.stat()
            os.utime(path, (times.st_atime + DAYS, times.st_mtime + DAYS))
        return
    clock = trial.ground.work / "consoles" / f"{trial.folder.name}.clock"
    clock.write_text("+0")
    env = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # which does not jump
    }
    command = trial.start(env)
    assert TRAINING.reach(command, trial.folder, trial.rng), f"it ended: {command.console}"
    clock.write_text(f"-{DAYS}")
    code = command.wait()
    assert code == 0, f"exit code {code}: {command.console}"
    trial.compare()
    (trial.folder / "run" / "results.json").unlink()  # as one that was cut off before
    (trial.folder / "outputs" / "results.csv").unlink()


def _flip(path: Path, rng: random.Random) -> None:
    """Change a bit, and leave the time of last change as it was."""
    data, times = bytearray(path.read_bytes()), path.stat()
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _cut(path: Path, rng: random.Random) -> None:
    """Cut a file off at a random place."""
    os.truncate(path, rng.randrange(path.stat().st_size))

"""Stopped: SIGKILL, SIGTERM and Ctrl-C in each phase; parts of a command killed by the kernel."""

import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress

from faults.ground import ONE, RANKS, SWEEP, Command, Trial
from faults.phases import PHASES, Phase

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}
STOPPED = re.compile(r"^stopped by SIG(?:TERM|INT)(: .+)?$", re.MULTILINE)
BEFORE = ("Python starts", "imports", "imports of a sweep")  # when there is nothing to go on with
Fault = Callable[[Trial], None]


def stops() -> dict[tuple[str, str], tuple[Phase, Fault]]:
    """Each signal in each phase."""
    return {
        (name, phase.name): (phase, _stop(number, phase))
        for phase in PHASES
        for name, number in SIGNALS.items()
    }


def _stop(number: int, phase: Phase) -> Fault:
    def fault(trial: Trial) -> None:
        command = trial.start()
        reached = phase.reach(command, trial.folder, trial.rng)
        command.tell(number, everyone=number == signal.SIGINT)  # a terminal tells the whole group
        code = command.wait()
        if not reached or (phase.late and code == 0):  # it was over before it was told
            assert code == 0, f"exit code {code}, untold: {command.console}"
        else:
            check_end(command, number, code, phase.name == "Python starts")
            if code > 0 and phase.name not in BEFORE:
                assert any(STOPPED.findall(command.text)), f"not what is left: {command.console}"
        assert not (left := command.orphans()), f"orphans: {left}"

    return fault


def check_end(command: Command, number: int, code: int, early: bool = False) -> None:
    """Refuse another end than that of a command which was told to stop.

    Args:
        command: what was told, and has ended.
        number: the signal.
        code: its exit code.
        early: whether it may have been told before Python had loaded its first module.

    Raises:
        AssertionError: says what is wrong.
    """
    expected = {-number} if number == signal.SIGKILL else {128 + number}
    if early:  # Python's own start: it ends as Python does
        expected |= {-number, 1} if number == signal.SIGINT else {-number}
    assert code in expected, f"exit code {code}: {command.console}"
    if number == signal.SIGKILL or (early and code != 128 + number):
        return
    said = command.text
    assert "Traceback" not in said, f"a traceback: {command.console}"
    assert len(STOPPED.findall(said)) == 1, f"not one line that says so: {command.console}"


def losses() -> dict[tuple[str, str], tuple[Phase, Fault]]:
    """Parts of a command that the kernel kills, as when memory is short."""
    ranks = next(phase for phase in PHASES if phase.name == "processes train")
    job = next(phase for phase in PHASES if phase.name == "a job of a sweep trains")
    features = next(phase for phase in PHASES if phase.name == "features")
    assert (ranks.kind, job.kind, features.kind) == (RANKS, SWEEP, ONE)
    lost = "a process killed by the kernel"
    return {
        (lost, "rank 0, in training"): (ranks, _lose(ranks, "forkserver", 0)),
        (lost, "rank 1, in training"): (ranks, _lose(ranks, "forkserver", 1)),
        (lost, "a job of a sweep, in training"): (
            job,
            _lose(job, "esc50.training.process.worker", 0),
        ),
        ("one of three that build one entry killed", "features"): (features, _crowd(features)),
    }


def _lose(phase: Phase, words: str, which: int) -> Fault:
    def fault(trial: Trial) -> None:
        command = trial.start()
        assert phase.reach(command, trial.folder, trial.rng), f"it ended: {command.console}"
        parts = command.processes(words)
        if phase.kind == RANKS:  # the server forks the ranks, one after the other
            parts = [part for part in parts if _parent(part) in parts]
        with suppress(ProcessLookupError):
            os.kill(parts[which], signal.SIGKILL)
        code = command.wait()
        assert code == 1, f"exit code {code}: {command.console}"
        said = command.text
        assert "killed by SIGKILL" in said, f"not a word of the loss: {command.console}"
        assert "Traceback" not in said, f"a traceback: {command.console}"
        assert not (left := command.orphans()), f"orphans: {left}"

    return fault


def _parent(number: int) -> int:
    with open(f"/proc/{number}/stat") as file:  # noqa: PTH123  (of the kernel)
        return int(file.read().rpartition(")")[2].split()[1])


def _crowd(phase: Phase) -> Fault:
    """Three commands want one cache entry; the one that builds it is killed."""

    def fault(trial: Trial) -> None:
        first = trial.start()
        others = []
        for number in range(2):
            other = Trial(
                trial.ground, trial.kind, trial.folder / f"other{number}", trial.rng, trial.own
            )
            other.folder.mkdir()
            (other.folder / "cache").symlink_to(trial.folder / "cache")
            others.append((other, other.start()))
        assert phase.reach(first, trial.folder, trial.rng), f"it ended: {first.console}"
        first.tell(signal.SIGKILL)
        first.wait()
        for other, command in others:
            code = command.wait()
            assert code == 0, f"exit code {code} of another: {command.console}"
            other.compare()
            for path in sorted(other.folder.rglob("*"), reverse=True):
                path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
            other.folder.rmdir()

    return fault

"""Disks that are full, folders that may not be written: in each phase that writes."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from faults.ground import NOBODY, Command, Trial
from faults.phases import OF_ONE, Phase
from faults.stops import Fault

SIZE = 700 << 20  # bytes of the small disk: what one run takes at its largest, and some more


def disks() -> dict[tuple[str, str], tuple[Phase, Fault]]:
    """A full disk and read-only folders in each phase."""
    full = {("disk full", phase.name): (phase, _full(phase)) for phase in OF_ONE}
    closed = {("folders read-only", phase.name): (phase, _closed(phase)) for phase in OF_ONE}
    return {**full, **closed}


def why_not(name: str) -> str:
    """Say why a fault cannot be tried here; "" where it can."""
    if name == "disk full" and os.geteuid() != 0:
        return "mounting a small disk takes root"
    if name == "folders read-only" and os.geteuid() == 0 and not shutil.which("setpriv"):
        return "root may write anywhere, and there is no setpriv"
    return ""


def _full(phase: Phase) -> Fault:
    def fault(trial: Trial) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(trial.folder)]
        subprocess.run(mount, check=True)
        command = trial.start()
        filler = trial.folder / "filler"
        if _halt_in(phase, command, trial):
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 20))
        command.tell(signal.SIGCONT, everyone=True)
        code = command.wait()
        filler.unlink(missing_ok=True)
        _check_refused(command, code, "the disk is full")

    return fault


def _closed(phase: Phase) -> Fault:
    def fault(trial: Trial) -> None:
        if os.geteuid() == 0:
            trial.user = NOBODY
            shutil.chown(trial.folder, 65534, 65534)
        if "cache" not in trial.own:
            trial.ground.copy("cache", trial.folder)
        if "demo" not in trial.own:
            trial.ground.copy("demo", trial.folder)
        trial.own = ("demo", "cache")
        _own(trial.folder)
        command = trial.start()
        folders = []
        if _halt_in(phase, command, trial):
            folders = [path for path in [trial.folder, *trial.folder.rglob("*")] if path.is_dir()]
            for path in folders:
                path.chmod(0o555)
        command.tell(signal.SIGCONT, everyone=True)
        code = command.wait()
        for path in folders:
            with suppress(FileNotFoundError):
                path.chmod(0o755)
        _check_refused(command, code, "Permission denied")

    return fault


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in folder.rglob("*"):
            shutil.chown(path, 65534, 65534)


def _halt_in(phase: Phase, command: Command, trial: Trial) -> bool:
    """Halt a command in a phase; False where it has ended before."""
    if not phase.reach(command, trial.folder, trial.rng):
        return False
    command.tell(signal.SIGSTOP, everyone=True)
    return True


def _check_refused(command: Command, code: int, why: str) -> None:
    """A command ends well, having written all before, or says in a sentence why it cannot."""
    said = command.text
    assert code in (0, 1), f"exit code {code}: {command.console}"
    assert "Traceback" not in said, f"a traceback: {command.console}"
    if code:
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and why in errors[0], f"not '{why}': {command.console}"
    assert not (left := command.orphans()), f"orphans: {left}"

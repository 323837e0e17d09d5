"""A run in a process of its own: config in by stdin, outcome out by stdout, all else into a log.

A process that dies, for whatever reason, takes nothing with it, and its memory goes with it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

END = "...\n"  # of the config, in YAML's own notation; stdin stays open behind it
STOPPED = (0, 128 + signal.SIGTERM)  # how Python and Lightning leave on SIGTERM, without an answer
LAST_LINES = 8  # of a log that are shown when its process failed


def start(cfg: DictConfig, folder: Path, log: Path, env: Mapping[str, str]) -> subprocess.Popen:
    """Start `run(cfg, folder)` in a new process that writes to `log`.

    The process ends itself when this one dies, by whatever cause.

    Args:
        cfg: the experiment's config, without Hydra's own part.
        folder: the run's folder.
        log: file that all the process prints is appended to.
        env: environment variables besides this process's own.
    """
    with log.open("ab") as console:
        process = subprocess.Popen(
            [sys.executable, "-m", "esc50.run.process", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=console,
            env={**os.environ, **env},
            text=True,
        )
    try:
        process.stdin.write(OmegaConf.to_yaml(cfg, resolve=True) + END)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died at once: `outcome` says of what
    return process


def outcome(process: subprocess.Popen, log: Path) -> dict[str, Any]:
    """Wait for a started process.

    Returns:
        {"metric": the monitored metric or None} when it ran to its end, {"pruned": True} when a
        search gave it up, {"failed": why, in a sentence} otherwise.
    """
    try:
        answer = process.stdout.read()
        code = process.wait()
    except BaseException:
        process.kill()
        raise
    finally:
        with suppress(BrokenPipeError):  # it died before it had read its config
            process.stdin.close()
        process.stdout.close()
    if answer:
        return json.loads(answer)
    if code < 0:
        name = signal.Signals(-code).name
        why = ": the system was out of memory, or somebody stopped it" if code == -9 else ""
        return {"failed": f"its process was killed by {name}{why}"}
    if code in STOPPED:
        return {"failed": "its process was stopped by SIGTERM: somebody or a scheduler ended it"}
    lines = last_lines(log, 1)
    return {"failed": lines[0] if lines else f"its process ended with code {code}"}


def last_lines(log: Path, n: int = LAST_LINES) -> list[str]:
    """Read the last lines of a log that hold something; [] where there is no log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-n:]


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    """Read a config from stdin, run it in `folder`, answer on stdout."""
    # A scheduler warns all processes of a job before its time is up; the one that started this
    # process answers, and what is left of the time goes to the epoch.
    if hasattr(signal, "SIGUSR2"):
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    # Whatever libraries print goes to the log; the answer alone goes out.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    cfg = OmegaConf.create("".join(iter(sys.stdin.readline, END)))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from esc50.errors import Diverged, Refusal
    from esc50.run.experiment import run
    from esc50.run.trial import GivenUp

    try:
        ended = {"metric": run(cfg, folder)}
    except Refusal as refusal:
        ended = {"failed": str(refusal), "diverged": isinstance(refusal, Diverged)}
        print(f"error: {refusal}")
    except GivenUp as why:
        ended = {"pruned": True}
        print(why)
    json.dump(ended, answer)
    answer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

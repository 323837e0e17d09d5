"""Starts an experiment in a process of its own, and waits for what becomes of it.

A process that dies, for whatever reason, takes nothing with it, and its memory goes with it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from esc50.errors import STOPPING

CONFIG_END = "...\n"  # of the config, in YAML's own notation; stdin stays open behind it
GRACE = 5.0  # seconds in which a process that is told to stop may close what it has open
LAST_LINES = 8  # of a log that are shown when its process failed


def start_worker(
    cfg: DictConfig, folder: Path, log: Path, env: Mapping[str, str]
) -> subprocess.Popen:
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
            [sys.executable, "-m", "esc50.training.process.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=console,
            env={**os.environ, **env},
            text=True,
        )
    assert process.stdin is not None  # a pipe
    try:
        process.stdin.write(OmegaConf.to_yaml(cfg, resolve=True) + CONFIG_END)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died at once: `wait_for_result` says of what
    return process


def wait_for_result(process: "subprocess.Popen[str]", log: Path) -> dict[str, Any]:
    """Wait for a started process.

    Returns:
        {"metric": the monitored metric or None} when it ran to its end, {"pruned": True} when a
        search pruned it, {"failed": why, in a sentence} otherwise.
    """
    assert process.stdin is not None and process.stdout is not None  # pipes
    try:
        answer = process.stdout.read()
        code = process.wait()
    except BaseException:
        _stop(process)
        raise
    finally:
        with suppress(BrokenPipeError):  # it died before it had read its config
            process.stdin.close()
        process.stdout.close()
    if answer:
        result: dict[str, Any] = json.loads(answer)
        return result
    why = why_ended(code) or "".join(last_lines(log, 1)) or f"its process ended with code {code}"
    return {"failed": why}


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def why_ended(code: int) -> str:
    """Say what signal ended a process, by its exit code; "" when it ended by itself."""
    number = signal_of(code)
    if number in STOPPING:
        name = signal.Signals(number).name
        return f"its process was stopped by {name}: somebody or a scheduler ended it"
    if code < 0:
        name = signal.Signals(number).name
        why = ": the system was out of memory, or somebody stopped it" if code == -9 else ""
        return f"its process was killed by {name}{why}"
    return ""


def signal_of(code: int) -> int:
    """The number of the signal that ended a process, by its exit code; 0: none."""
    return -code if code < 0 else max(code - 128, 0)


def last_lines(log: Path, n: int = LAST_LINES) -> list[str]:
    """Read the last lines of a log that hold something; [] where there is no log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-n:]

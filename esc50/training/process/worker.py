"""Runs one experiment in a process of its own: config on stdin, result as JSON on stdout.

All other output goes to standard error, which the process that started this one keeps in a log.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from esc50.config.loading import quick_imports
from esc50.errors import DivergenceError, UserError, exit_on_error
from esc50.training.process.run_worker import CONFIG_END


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
    cfg: Any = OmegaConf.create("".join(iter(sys.stdin.readline, CONFIG_END)))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with exit_on_error():
        ended = _run(cfg, folder)
    json.dump(ended, answer)
    answer.close()


def _run(cfg: Any, folder: Path) -> dict[str, Any]:
    """Run the experiment; returns what is to be answered."""
    with quick_imports():
        from esc50.training.experiment import run
        from esc50.training.pruning import TrialPruned

    try:
        return {"metric": run(cfg, folder)}
    except UserError as error:
        print(f"error: {error}")
        return {"failed": str(error), "diverged": isinstance(error, DivergenceError)}
    except TrialPruned as why:
        print(why)
        return {"pruned": True}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

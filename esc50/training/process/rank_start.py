"""Loaded by the server that forks a run's processes: those that come to nothing end silently.

A process that is being started when its run is told to stop finds that its launcher, or what it
shares with it, has gone. The launcher says what happened; a traceback would only hide that.
"""

import signal
import sys
from types import TracebackType


def pass_over(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that is not of a launcher that has gone, as Python does."""
    if not isinstance(error, OSError | EOFError):
        sys.__excepthook__(kind, error, trace)


def main() -> None:
    """Have this process, and those it forks, end without a word of such an error, or of Ctrl-C."""
    sys.excepthook = pass_over
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if "forkserver" in " ".join(sys.orig_argv):  # which imports modules, and calls nothing of them
    main()

"""Errors that are meant for the user, and how they end a command."""

import errno
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended
STOPPING = (signal.SIGTERM, signal.SIGINT)  # a scheduler's warning, and Ctrl-C
FULL = (errno.ENOSPC, errno.EDQUOT)
LOCKLESS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # of a call that locks
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class UserError(Exception):
    """A request that cannot be met; its message is one sentence that says what to do."""


class DivergenceError(UserError):
    """Training diverged: a loss, weight or metric is not finite, and would be so once more."""


class CheckpointError(UserError):
    """A checkpoint is absent, damaged, or not one that this run can go on from."""


class Stopped(BaseException):
    """This process was told to stop by a signal.

    Attributes:
        number: of the signal.
        remedy: how to go on, filled in by whoever knows.
    """

    def __init__(self, number: int, remedy: str = ""):
        """Take the signal's number."""
        super().__init__(number)
        self.number, self.remedy = number, remedy

    def __str__(self) -> str:
        """Say what happened, and how to go on."""
        name = signal.Signals(self.number).name
        return f"stopped by {name}" + (f": {self.remedy}" if self.remedy else "")


@contextmanager
def exit_on_error(status: int = 1) -> Iterator[None]:
    """End a command as its user and a scheduler expect: in one sentence and an exit status.

    Bad input ends in `status`; SIGTERM and SIGINT in 143 and 130, once everything open has been
    closed; where what reads the output has gone (`| head`), it ends without a word. What nobody
    thought of ends in a sentence too, and its traceback in a file that the sentence names.

    Args:
        status: the exit status after bad input.
    """
    survive_any_encoding()
    try:
        try:
            with _stopped_by_signals(), _threads_in_a_sentence():
                yield
        finally:
            sys.stdout.flush()
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + stopped.number)
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(status)
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except Exception as error:
        print(f"error: {printable(_unforeseen(error))}", file=sys.stderr)
        sys.exit(status)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Raise `Stopped` at the first signal to stop; a second of the kind ends the process at once.

    Another kind changes nothing: Ctrl-C reaches a job of a sweep, whose driver then tells it too.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone is told
        yield
        return
    # What a shell has it ignore, as of a job in the background, stays ignored.
    heeded = [number for number in STOPPING if signal.getsignal(number) != signal.SIG_IGN]

    told: list[int] = []
    raised: list[weakref.ref[Stopped]] = []

    def stop(number: int, frame: FrameType | None) -> None:
        lost = bool(raised) and raised[-1]() is None
        if number in told and not lost:
            os._exit(128 + number)
        told.append(number)
        if lost or not raised:
            raise watched(Stopped(told[0]))  # no name here holds it, or it would never be let go

    def watched(stopped: Stopped) -> Stopped:
        raised.append(weakref.ref(stopped, swallowed))
        return stopped

    def swallowed(_: object) -> None:
        """Tell it once more: whoever caught it has let it go, as code that passes over all does."""
        if not over and not sys.is_finalizing():  # then no thread starts any more
            again = threading.Timer(0.1, os.kill, (os.getpid(), told[0]))
            again.daemon = True
            again.start()

    over = False
    before = {number: signal.signal(number, stop) for number in heeded}
    unraisable, sys.unraisablehook = sys.unraisablehook, _pass_over_stops(sys.unraisablehook)
    try:
        yield
    except Exception as error:
        if told:  # closing what was open has failed, as a file that was half-written does
            raise stop_behind(error) or Stopped(told[0]) from None
        raise
    finally:
        over, sys.unraisablehook = True, unraisable
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_over_stops(otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a hook that says nothing of a stop which was raised where nothing can be."""
    return lambda ignored: isinstance(ignored.exc_value, Stopped) or otherwise(ignored)


@contextmanager
def _threads_in_a_sentence() -> Iterator[None]:
    """Have an error that ends a thread, as TensorBoard's, be a sentence and not a traceback."""

    def say(ended: threading.ExceptHookArgs) -> None:
        if isinstance(ended.exc_value, Exception):
            print(f"warning: {printable(_unforeseen(ended.exc_value))}", file=sys.stderr)

    before, threading.excepthook = threading.excepthook, say
    try:
        yield
    finally:
        threading.excepthook = before


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to what it was raised from, or while closing after which."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def stop_behind(error: BaseException) -> Stopped | None:
    """Find the stop that an error hides, which closing what was open has raised."""
    return next((one for one in causes(error) if isinstance(one, Stopped)), None)


def survive_any_encoding() -> None:
    """Have this process print what its output's encoding lacks escaped, and not fail."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a test's, or a notebook's, that has no encoding
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def printable(text: str, keep: str = "\n\t") -> str:
    """Replace what a terminal would obey (escape sequences in names) by what Python writes.

    Args:
        text: what is to be printed.
        keep: characters that stay as they are; none of a name, which is to stay on its line.
    """
    return "".join(
        char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text
    )


def refusal(error: OSError, otherwise: str) -> str:
    """Say what the system refused, with the remedy for that: "(Permission denied): ask ...".

    Args:
        error: the system's.
        otherwise: what else can be done, whatever it was.
    """
    if error.errno in FULL:
        return f"(the disk is full): free some space there, or {otherwise}"
    if error.errno == errno.ENOLCK:  # the others say it of any call
        return f"(that file system has no locks for files): {otherwise}"
    what = f"({error.strerror or error})"
    if error.errno in FORBIDDEN:
        return f"{what}: ask its owner for the right to write there, or {otherwise}"
    return f"{what}: {otherwise}"


def _unforeseen(error: Exception) -> str:
    """Describe an error that no sentence was written for; its traceback goes into a file."""
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{error.filename or 'a file'} cannot be written (the disk is full): free some space"
    if isinstance(error, ModuleNotFoundError) and error.name and not error.path:
        return (
            f"{error.name} is not installed for {sys.executable}: activate the environment that "
            "this package was installed in, or install it (pip install -e .)"
        )
    import tempfile  # not at the top: until this module is loaded, no signal is heeded
    import traceback

    what = f"{type(error).__name__}: {error}".splitlines()[0]
    try:
        number, path = tempfile.mkstemp(prefix="esc50-", suffix=".log")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        traceback.print_exception(error)  # there is no place for it but the terminal
        return what
    return f"{what} (unforeseen: please report it with {path}, which says where)"

"""Errors that are meant for the user, and how they end a command."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended


class UserError(Exception):
    """A request that cannot be met; its message is one sentence that says what to do."""


class DivergenceError(UserError):
    """Training diverged: a loss, weight or metric is not finite, and would be so once more."""


@contextmanager
def exit_on_error(status: int = 1) -> Iterator[None]:
    """End a command as its user expects: bad input is one sentence and an exit status.

    Where what reads the output has gone (`| head`), the command ends without a word.

    Args:
        status: the exit status after bad input.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(status)
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)

"""What the commands that Hydra composes a config for have in common: train, audit, explore."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from esc50.config.choices import describe_refusal, quote_paths, refuse_overrides
from esc50.config.files import show_files
from esc50.config.resolvers import register_resolvers
from esc50.errors import UserError, exit_on_error


@contextmanager
def hydra_command(about: Callable[[], str]) -> Iterator[None]:
    """Make sys.argv ready for Hydra; what it refuses within becomes a sentence and exit status 1.

    `--help` and `--help=GROUP` are answered here: Hydra's own page copies all its configs.

    Args:
        about: writes what `--help` prints.
    """
    sys.argv[1:] = arguments = _multirun_first(quote_paths(sys.argv[1:]))
    with exit_on_error():
        if asked := [word for word in arguments if word.split("=")[0] in ("--help", "-h")]:
            group = asked[0].partition("=")[2]
            print(show_files(group) if group else about())
            raise SystemExit
        refuse_overrides(arguments)
        register_resolvers()
        # Hydra then raises what it would print in lines of its own, and leaves the exit code to us.
        os.environ["HYDRA_FULL_ERROR"] = "1"
        with described_refusals():
            yield


def _multirun_first(arguments: Sequence[str]) -> list[str]:
    """Move -m to the front: argparse knows no overrides on both sides of an option."""
    return sorted(arguments, key=lambda argument: argument not in ("-m", "--multirun"))


@contextmanager
def described_refusals() -> Iterator[None]:
    """Turn what Hydra and OmegaConf refuse within into a UserError of one sentence."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(describe_refusal(error)) from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        name = Path(str(error.filename)).name
        raise UserError(
            f"{name[:40]}... is longer than the name of a file may be: name=... has 100 characters "
            "at the most"
        ) from None
    except AssertionError as error:
        if not str(error).startswith("Unexpected type"):
            raise
        raise UserError(
            "an argument sets a key within one that holds no section but null or a value: set "
            "that one, to {...}"
        ) from None

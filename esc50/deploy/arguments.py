"""Arguments that the commands which ask a checkpoint have in common."""

import argparse
from collections.abc import Sequence

from esc50.config.typed import as_typed, typed_path
from esc50.errors import UserError


def checkpoint_parser(about: str | None, *, several: bool = False) -> argparse.ArgumentParser:
    """Make a parser of a checkpoint, or of `several`, and of --trust.

    Args:
        about: the command's docstring, with its scripts as they are typed where one is.
        several: `checkpoints` is then a list, otherwise `checkpoint` is one path.
    """
    parser = argparse.ArgumentParser(
        description=as_typed(about), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoints" if several else "checkpoint",
        nargs="+" if several else None,
        type=typed_path,
        metavar="CHECKPOINT",
        help="best.ckpt; or the folder of a run, of folds or of seeds, which are an ensemble",
    )
    parser.add_argument(
        "--trust", action="store_true", help="import the network's code if it is another package's"
    )
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments, and look for their checkpoints before PyTorch loads, which takes seconds.

    Raises:
        UserError: one of them is not there; or a threshold that is no probability.
    """
    args = parser.parse_args(argv)
    threshold = getattr(args, "threshold", None)
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g} is invalid: a probability, from 0 to 1")
    for path in args.checkpoints if "checkpoints" in args else [args.checkpoint]:
        if not path.exists():
            raise UserError(
                f"{path} is no file or folder: give a run's folder, or its checkpoint, best.ckpt"
            )
    return args


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add --threshold."""
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help='probability below which the answer is "none of these"; 0: never (default: the '
        "checkpoint's own, chosen on validation clips)",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, ... (default: a GPU if any)")

"""Write the report of finished runs: one page to read and to listen to.

    python scripts/report.py outputs/augmented-9e97b1b05c/seed42/fold1
    python scripts/report.py outputs/augmented-9e97b1b05c/seed42
    python scripts/report.py outputs/original-1b1b7b2e2c outputs/augmented-9e97b1b05c

One folder, of a run or of the folds and seeds of a recipe, gets its report.html; several are put
side by side in outputs/comparison.html.
"""

import argparse
from pathlib import Path

from esc50.config.typed import as_typed, typed_path
from esc50.errors import exit_on_error


def main(argv: list[str] | None = None) -> None:
    """Write the page; bad input is one sentence and exit status 2."""
    with exit_on_error(status=2):
        args = _parser().parse_args(argv)
        if len(args.folder) == 1:
            from esc50.report.run.report import write_report

            print(f"the report is {write_report(args.folder[0], trusted=args.trust)}")
            return
        from esc50.report.comparison import write_comparison

        print(f"the comparison is {write_comparison(args.folder, args.output)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=typed_path, nargs="+", help="of a finished run, or of several"
    )
    parser.add_argument(
        "--output",
        type=typed_path,
        default=Path("outputs/comparison.html"),
        help="where several are put side by side (default: %(default)s)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run code of other packages that a run's config names: its network, its data set",
    )
    return parser


if __name__ == "__main__":
    main()

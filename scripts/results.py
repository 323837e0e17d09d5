"""Print the ledger: recipes best first, two of them compared, as Markdown or LaTeX."""

import argparse
import sys
import warnings
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Print what was asked for; return the exit status."""
    args = _parser().parse_args(argv)

    from esc50.errors import UserError

    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    try:
        tables = _tables(args)
    except UserError as refusal:
        print(refusal, file=sys.stderr)
        return 2
    if args.markdown or args.latex:
        print("\n".join(t.markdown() if args.markdown else t.latex() for t in tables), end="")
        return 0
    from esc50.results.layout import show_table

    for table in tables:
        show_table(table)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ledger", type=Path, default=Path("outputs/results.csv"), help="default: %(default)s"
    )
    parser.add_argument(
        "--sort",
        default="test/acc",
        metavar="METRIC",
        help="best first by this, a loss smallest first (default: %(default)s)",
    )
    parser.add_argument("--experiment", nargs="+", default=[], metavar="X", help="only these")
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two recipes by paired folds: names of experiments, or beginnings of signatures",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="write Markdown")
    form.add_argument("--latex", action="store_true", help="write LaTeX (package booktabs)")
    return parser


def _tables(args: argparse.Namespace) -> list:
    from esc50.errors import UserError
    from esc50.results.comparison import compare, comparison_table
    from esc50.results.leaderboard import find, run_folders, standings, standings_tables
    from esc50.results.ledger import read

    found = standings(read(args.ledger), args.experiment, args.sort)
    if not args.compare:
        return standings_tables(found, args.sort)
    pair = [find(found, name) for name in args.compare]
    names = [standing.experiment for standing in pair]
    if pair[0] is pair[1]:
        raise UserError(f"{' and '.join(args.compare)} are one recipe, {pair[0].handle}")
    if names[0] == names[1]:
        names = [f"{s.experiment}-{s.rows[-1].get('signature')}" for s in pair]
    folders = [run_folders(standing, args.ledger) for standing in pair]
    return [comparison_table(compare(*folders, names=tuple(names)))]


if __name__ == "__main__":
    sys.exit(main())

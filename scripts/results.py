"""Print the ledger: recipes best first on each data set, two of them compared, Markdown or LaTeX.

    python scripts/results.py --data esc10 --since 2025-01-31 --where seed=1
    python scripts/results.py --compare original augmented@0123456789
    python scripts/results.py --compare original@esc10 augmented@esc10

--where takes a column of the ledger and a value, spelled as it stands there, or a setting that
runs override.
"""

import argparse
import sys
import warnings
from pathlib import Path

from esc50.config.typed import as_typed, typed_path
from esc50.errors import exit_on_error


def main(argv: list[str] | None = None) -> None:
    """Print what was asked for; bad input is one sentence and exit status 2."""
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    with exit_on_error(status=2):
        args = _parser().parse_args(argv)
        tables = _tables(args)
        if args.markdown or args.latex:
            print("\n".join(t.markdown() if args.markdown else t.latex() for t in tables), end="")
            return
        from esc50.results.display.layout import show_table

        for number, table in enumerate(tables):
            print(end="\n" if number else "")
            show_table(table, args.wide)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--ledger",
        type=typed_path,
        default=Path("outputs/results.csv"),
        help="default: %(default)s",
    )
    parser.add_argument(
        "--sort",
        default="test/acc",
        metavar="METRIC",
        help="best first by this, a loss smallest first (default: %(default)s)",
    )
    parser.add_argument("--experiment", nargs="+", default=[], metavar="X", help="only these")
    parser.add_argument("--data", nargs="+", default=[], metavar="X", help="only these data sets")
    parser.add_argument(
        "--since", metavar="DATE", help="only runs that ended since, such as 2025-01-31"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only runs whose row says so, or that set so: optimizer.lr=0.01; may be repeated",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two recipes by paired folds: name, name@signature, name@data, or a signature",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--wide", action="store_true", help="all columns, however narrow the screen")
    form.add_argument("--markdown", action="store_true", help="write Markdown")
    form.add_argument("--latex", action="store_true", help="write LaTeX (package booktabs)")
    return parser


def _tables(args: argparse.Namespace) -> list:
    from esc50.errors import UserError
    from esc50.results.ledger import read
    from esc50.results.recipes.comparison import compare, comparison_table
    from esc50.results.recipes.leaderboard import leaderboard_tables, rank_recipes
    from esc50.results.recipes.selection import find_recipe, run_folders, select, tell_apart

    rows = select(read(args.ledger), args.experiment, args.data, args.since, args.where)
    recipes = rank_recipes(rows, args.sort)
    if not args.compare:
        told, whole = tell_apart(recipes, args.ledger), args.wide or args.markdown or args.latex
        return leaderboard_tables(recipes, args.sort, told, whole)
    a, b = (find_recipe(recipes, name, args.ledger) for name in args.compare)
    if a is b:
        raise UserError(f"{' and '.join(args.compare)} are one recipe, {a.handle}")
    names = a.experiment, b.experiment
    if names[0] == names[1]:
        names = a.handle, b.handle
    folders = run_folders(a, args.ledger), run_folders(b, args.ledger)
    return [comparison_table(compare(*folders, names))]


if __name__ == "__main__":
    main()

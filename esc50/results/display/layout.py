"""Tables on a screen of any width, or in a pipe: no cell is ever broken into letters."""

import os
from textwrap import wrap

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from esc50.errors import printable
from esc50.results.display.tables import Table

GAP = 2  # characters between two columns
NAME_WIDTH = 20  # characters that a column of names keeps when the screen is narrow
UNLIMITED = 10_000  # the width of a pipe, whose reader may be another program


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise the error again: `exit_on_error` handles it, as it does for all other output."""
        raise


def show_table(table: Table, wide: bool = False) -> None:
    """Print a table to standard output, with as many columns as fit.

    A terminal that is too narrow goes without some of the table's dispensable columns, and a
    line says which; `wide` shows them all. A pipe gets all columns, unless COLUMNS sets its width.
    """
    console = _Console()
    limited = console.is_terminal or "COLUMNS" in os.environ
    width = console.width if limited and not wide else UNLIMITED
    fitted, left_out = fit(table, width)
    # A terminal breaks lines that are still too long, which is better than broken cells.
    console.width = max(width, _total(_least_widths(fitted)))
    if fitted.title:
        console.print(printable(fitted.title), style="bold", markup=False, highlight=False)
    with console.capture() as drawn:
        console.print(rich_table(fitted, console.width))
    for line in drawn.get().splitlines():
        console.out(line.rstrip(), highlight=False)  # a log needs no blanks that fill columns
    if left_out:
        fitted.note = f"{fitted.note}\nnot shown for want of room: {', '.join(left_out)}".strip()
    if fitted.note:
        console.print(printable(fitted.note), style="italic", markup=False, highlight=False)


def fit(table: Table, width: int) -> tuple[Table, list[str]]:
    """Leave out dispensable columns until the table fits `width` characters.

    One that is wide does not take those with it that are less needed and do fit.

    Returns:
        The table, and the names of the columns left out, the least needed first.
    """
    kept = table
    for column in table.dispensable:
        kept = kept.without(column)
    left_out = list(table.dispensable)
    for column in reversed(table.dispensable):  # the most needed first
        others = [name for name in left_out if name != column]
        wider = table
        for name in others:
            wider = wider.without(name)
        if _total(_least_widths(wider)) <= width:
            kept, left_out = wider, others
    return kept, left_out


def rich_table(table: Table, width: int) -> RichTable:
    """Make the table that rich prints, without title and note.

    Columns' names, and cells in columns of names, are broken between words where they must be.
    """
    broken = _total(_widths(table)) > width
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index, (column, least) in enumerate(zip(table.columns, _least_widths(table), strict=True)):
        name = index < table.n_names
        shown.add_column(
            escape(printable("\n".join(wrap(column, least)) if broken else column)),
            justify="left" if name else "right",
            overflow="fold",
            no_wrap=not name,
            min_width=least,
        )
    for row in table.rows:
        shown.add_row(*(escape(printable(cell)) for cell in row))
    return shown


def _total(widths: list[int]) -> int:
    """The characters that a table of such columns takes."""
    return sum(widths) + GAP * (len(widths) - 1)


def _widths(table: Table) -> list[int]:
    """The characters that each column takes when nothing is broken."""
    columns = zip(table.columns, *table.rows, strict=True)
    return [max(map(cell_len, column)) for column in columns]


def _least_widths(table: Table) -> list[int]:
    """The characters that each column takes at the least, when its name is broken."""
    widths = []
    for index, (header, *cells) in enumerate(zip(table.columns, *table.rows, strict=True)):
        longest = max(map(cell_len, cells), default=0)
        words = header.split()
        if index < table.n_names:
            words += [word for cell in cells for word in cell.split()]
            longest = min(longest, NAME_WIDTH)
        widths.append(max(longest, 1, *map(cell_len, words)))
    return widths

"""A table as text, and as Markdown and LaTeX; `layout` shows it on a screen."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from esc50.errors import printable

LATEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "·": r"$\cdot$",
        "→": r"$\to$",
        "–": "--",  # noqa: RUF001
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\n": " ",
    }
)
MARKDOWN_SPECIAL = str.maketrans(
    {**{mark: "\\" + mark for mark in "\\|*`[]<~"}, "\n": " ", "\r": " "}
)


def escape_markdown(text: object) -> str:
    """Write text so that Markdown, and a terminal, show it as it is, on one line."""
    return printable(str(text).translate(MARKDOWN_SPECIAL))


@dataclass
class Table:
    """Cells as text, written alike on the console, in Markdown and in LaTeX.

    Attributes:
        title: stands above.
        columns: their names.
        rows: the cells, one list per row.
        n_names: so many columns, the first ones, are left-aligned and may be wrapped.
        note: stands below.
        dispensable: columns that a narrow screen goes without, the first of them first.
    """

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    n_names: int = 1
    note: str = ""
    dispensable: Sequence[str] = ()

    def without(self, column: str) -> "Table":
        """Leave out a column."""
        at = self.columns.index(column)
        rows = [row[:at] + row[at + 1 :] for row in self.rows]
        columns = self.columns[:at] + self.columns[at + 1 :]
        n_names = self.n_names - (at < self.n_names)
        left = [name for name in self.dispensable if name != column]
        return replace(self, columns=columns, rows=rows, n_names=n_names, dispensable=left)

    def markdown(self) -> str:
        """Write the table in GitHub's Markdown, under its title in bold if it has one."""
        ruler = ["---" if index < self.n_names else "---:" for index in range(len(self.columns))]
        cells = [[escape_markdown(cell) for cell in row] for row in self.rows]
        header = [escape_markdown(column) for column in self.columns]
        lines = [f"| {' | '.join(row)} |" for row in (header, ruler, *cells)]
        if self.title:
            lines = [f"**{escape_markdown(self.title)}**", "", *lines]
        if self.note:
            lines += [
                "",
                *(escape_markdown(line) + "  " for line in self.note.split("\n")),
            ]
        return "\n".join(lines) + "\n"

    def latex(self) -> str:
        """Write the table in LaTeX; needs the package booktabs."""
        cells = [[cell.translate(LATEX_SPECIAL) for cell in row] for row in self.rows]
        header = [column.translate(LATEX_SPECIAL) for column in self.columns]
        caption = f"{self.title}. {self.note}" if self.note else self.title
        columns = "l" * self.n_names + "r" * (len(self.columns) - self.n_names)
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption.translate(LATEX_SPECIAL)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in cells),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

"""One table, three ways to write it: on the console, in Markdown, in LaTeX."""

from dataclasses import dataclass, field

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

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


@dataclass
class Table:
    """Cells as text, written alike everywhere; the first `n_names` columns are left-aligned.

    The note stands below.
    """

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    n_names: int = 1
    note: str = ""

    def rich(self) -> RichTable:
        """Write the table for the console."""
        table = RichTable(
            title=escape(self.title),
            title_justify="left",
            caption=escape(self.note) or None,
            caption_justify="left",
            box=box.SIMPLE_HEAD,
        )
        for index, column in enumerate(self.columns):
            table.add_column(escape(column), justify="left" if index < self.n_names else "right")
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def markdown(self) -> str:
        """Write the table in GitHub's Markdown, under its title in bold if it has one."""
        ruler = ["---" if index < self.n_names else "---:" for index in range(len(self.columns))]
        cells = [[cell.translate(MARKDOWN_SPECIAL) for cell in row] for row in self.rows]
        header = [column.translate(MARKDOWN_SPECIAL) for column in self.columns]
        lines = [f"| {' | '.join(row)} |" for row in (header, ruler, *cells)]
        if self.title:
            lines = [f"**{self.title.translate(MARKDOWN_SPECIAL)}**", "", *lines]
        if self.note:
            lines += [
                "",
                *(line.translate(MARKDOWN_SPECIAL) + "  " for line in self.note.split("\n")),
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

import pytest

from esc50.results.display.tables import Table, escape_markdown


@pytest.fixture
def table():
    rows = [["a_b", "1|2", "50% ± 1"], ["c", "", "<x>"]]
    return Table("A & B", ["name", "what", "acc"], rows, n_names=2, note="one\ntwo")


def test_markdown_escapes_its_cells_and_aligns_numbers_right(table):
    assert table.markdown().splitlines() == [
        "**A & B**",
        "",
        "| name | what | acc |",
        "| --- | --- | ---: |",
        r"| a_b | 1\|2 | 50% ± 1 |",
        r"| c |  | \<x> |",
        "",
        "one  ",
        "two  ",
    ]


def test_latex_escapes_its_cells_and_puts_the_note_under_the_title(table):
    text = table.latex()
    assert r"\caption{A \& B. one two}" in text
    assert r"\begin{tabular}{llr}" in text
    assert r"a\_b & 1|2 & 50\% $\pm$ 1 \\" in text
    assert r"c &  & \textless{}x\textgreater{} \\" in text


@pytest.mark.parametrize(("column", "n_names"), [("what", 1), ("acc", 2)])
def test_a_column_is_left_out_with_its_cells(table, column, n_names):
    less = table.without(column)
    assert column not in less.columns and less.n_names == n_names
    assert all(len(row) == 2 for row in less.rows)
    assert len(table.columns) == 3


def test_text_stays_on_its_line_and_is_no_markup():
    assert escape_markdown("a\n*b* [c]") == r"a \*b\* \[c\]"


def test_what_a_terminal_would_obey_is_escaped_in_markdown():
    assert escape_markdown("a\x1b[31m\nb\u202e") == r"a\x1b\[31m b\u202e"

import pytest

from esc50.results.display.layout import fit, show_table
from esc50.results.display.tables import Table


@pytest.fixture
def table():
    columns = ["recipe", "note", "test accuracy", "seconds"]
    rows = [["a_long_name_of_one_word", "several words that may be broken", "82.00% ± 3.46%", "9"]]
    return Table("Title", columns, rows, n_names=2, note="Note", dispensable=["seconds", "note"])


def shown(table, capsys, **options) -> str:
    show_table(table, **options)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("width", "left_out"), [(200, []), (65, ["seconds"]), (50, ["note"]), (40, ["seconds", "note"])]
)
def test_a_narrow_screen_goes_without_the_dispensable_columns(table, width, left_out):
    fitted, names = fit(table, width)
    assert names == left_out
    assert fitted.columns == [c for c in table.columns if c not in left_out]
    assert all(len(row) == len(fitted.columns) for row in fitted.rows)


def test_a_wide_column_that_does_not_fit_leaves_room_to_less_needed_ones(table):
    assert fit(table, 50)[0].columns == ["recipe", "test accuracy", "seconds"]


@pytest.mark.parametrize("width", [30, 50, 70, 80, 160])
def test_no_word_is_ever_broken(table, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = shown(table, capsys)
    assert "a_long_name_of_one_word" in out and "82.00% ± 3.46%" in out
    assert max(map(len, out.splitlines())) <= max(width, 50)


def test_columns_left_out_are_named(table, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    said = " ".join(shown(table, capsys).split())
    assert "not shown for want of room: seconds, note" in said
    assert "not shown" not in shown(table, capsys, wide=True)


def test_a_pipe_gets_all_columns_on_one_line(table, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    out = shown(table, capsys)
    assert any("one_word  several words that may be broken" in line for line in out.splitlines())
    assert out.startswith("Title\n") and out.rstrip().endswith("Note")


def test_brackets_are_text_not_markup(capsys):
    out = shown(Table("[bold]T", ["[red]c"], [["[1]"]], note="[/]"), capsys)
    assert all(text in out for text in ("[bold]T", "[red]c", "[1]", "[/]"))


def test_a_table_without_rows_is_shown(capsys):
    assert "recipe" in shown(Table("", ["recipe", ""], []), capsys)


def test_escape_sequences_in_names_are_shown_and_not_obeyed(capsys):
    show_table(Table("a \x1b[31mred\x1b[0m run", ["name"], [["\x9b1mloud"]]))
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\x9b" not in said and "\\x1b[31mred" in said

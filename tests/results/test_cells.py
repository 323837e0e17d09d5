import pytest

from esc50.results.cells import escape_cell, unescape_cell


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "'=1"])
def test_a_formula_gets_an_apostrophe_and_loses_it(name):
    assert escape_cell(name) == f"'{name}"
    assert unescape_cell(escape_cell(name)) == name


@pytest.mark.parametrize("name", ["dog", "'tis", "a=b", "1-100032-A-0.wav", "", "'"])
def test_other_names_stay_as_they_are(name):
    assert escape_cell(name) == name == unescape_cell(name)


@pytest.mark.parametrize("name", ["\n=1", "\uff1dcmd()", "\uff0b1", "\uff0d1", "\uff20x"])
def test_so_does_what_only_some_keyboards_and_spreadsheets_know(name):
    assert escape_cell(name) == f"'{name}" and unescape_cell(f"'{name}") == name

import jinja2
import pytest

from esc50.results.display.render import render


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="undefined"):
        render("summary.md.j2")

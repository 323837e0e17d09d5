import jinja2
import pytest

from esc50.results.render import render


def test_values_in_a_page_are_escaped_and_figures_are_not():
    rows = [["<b>1</b>", "a & b"]]
    page = render("study.html.j2", title="<i>", figures=["<div>F</div>"], header=["k"], rows=rows)
    assert "<title>&lt;i&gt;</title>" in page and "<div>F</div>" in page
    assert "<td>&lt;b&gt;1&lt;/b&gt;</td><td>a &amp; b</td>" in page


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="title"):
        render("study.html.j2", figures=[], header=[], rows=[])

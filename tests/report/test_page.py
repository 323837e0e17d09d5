import base64
import gzip
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import jinja2
import pytest
from plotly.offline import get_plotlyjs

from esc50.report.figures import Chart, figure_text
from esc50.report.page import render_command, render_page, write_page
from esc50.results.display.tables import Table

EVIL = "</script><script>alert(1)</script>"
# All that a page with nothing to show is filled in with.
EMPTY = {"headline": None, "warnings": [], "command": None, "charts": [], "slices": []}
EMPTY |= {name: Table("", ["k"]) for name in ("facts", "space", "trials")}


def chart(name=EVIL):
    import plotly.graph_objects as go

    plot = go.Figure(go.Bar(x=[1.0], y=[figure_text(name)], text=name))
    return Chart("one", f"title {name}", f"summary {name}", plot, Table("t", [name], [[name]]))


class Elements(HTMLParser):
    """Counts elements, and what of them is open."""

    def __init__(self, page):
        super().__init__()
        self.count, self.open, self.text = {}, [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if "script" not in self.open else ""


@pytest.fixture(scope="module")
def page():
    table = Table("trials", ["k"], [[EVIL]])
    shown = {"charts": [chart(), chart()], "trials": table, "command": f"echo '{EVIL}'"}
    return render_page("study.html.j2", title=EVIL, labels=["LEAKY"], **{**EMPTY, **shown})


def test_names_never_become_elements(page):
    elements = Elements(page)
    assert not elements.open
    # Looks, plotly, two of ours, and the data of two figures.
    assert elements.count["script"] == 6
    # Title and heading, 4 in each figure, the table, the command.
    assert elements.text.count(EVIL) == 12


def test_a_figures_data_reach_the_page_as_they_are(page):
    stored = re.search(r'id="data-one">(.*?)</script>', page, re.S)[1]
    plot = json.loads(stored)
    assert plot["data"][0]["text"] == EVIL and "template" not in plot["layout"]


def test_a_page_needs_nothing_from_elsewhere(page):
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(src|href)=\"(?!#|data:)", outside) and "url(" not in outside
    (packed,) = re.findall(r'id="plotly">([^<]*)<', page)
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()
    assert len(page) < 2_100_000  # of which the library is nearly all
    assert '<strong class="badge">LEAKY</strong>' in page


def test_a_command_has_a_button_with_a_name_of_its_own_and_none_without_scripts(page):
    (shown,) = re.findall(r'<div class="command">.*?</div>', page, re.S)
    assert re.search(r'<button type="button" class="copy">Copy<.*> the command<', shown)
    assert 'class="copying" hidden' in shown and 'role="status"' in shown
    assert '<noscript><p class="note">Scripts are off' in page
    assert str(render_command("a<b")).count("<code>a&lt;b</code>") == 1


def test_paper_is_white_and_waits_for_no_scrolling(page):
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    schemes = re.findall(r"@media (.*)\(prefers-color-scheme: dark\)", style)
    assert schemes == ["screen and "] and "@media print" in style
    # A browser prints no picture that it has put off until it is scrolled to.
    templates = (files("esc50.report") / "templates").iterdir()
    assert not [one.name for one in templates if 'loading="lazy"' in one.read_text("utf-8")]


def test_a_name_without_a_value_is_an_error():
    known = {name: value for name, value in EMPTY.items() if name != "charts"}
    with pytest.raises(jinja2.UndefinedError, match="charts"):
        render_page("study.html.j2", title="t", **known)


def test_only_a_very_long_table_is_cut_and_it_says_how_long_it_is():
    for n, cut in ((50, False), (500, True)):
        table = Table("t", ["k"], [[str(row)] for row in range(n)], note="a note")
        page = render_page("study.html.j2", title="t", **{**EMPTY, "trials": table})
        assert ('class="scroll long"' in page) == (f"{n} rows: scroll" in page) == cut
        assert re.search(r'</div>.*<p class="note">a note</p>\s*</section>', page, re.S)


def test_a_page_is_written_whole_into_a_new_folder(tmp_path):
    path = tmp_path / "new" / "study.html"
    write_page(path, "study.html.j2", title="t", **EMPTY)
    assert path.read_text().rstrip().endswith("</html>")
    assert [file.name for file in path.parent.iterdir()] == ["study.html"]

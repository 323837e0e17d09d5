import re

import pytest

from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.page import BY_SERVER, COPY, IN_BROWSER, read_part, render_page
from tests.deploy.small import small_model

LIMITS = {"seconds": 30, "megabytes": 2}


@pytest.fixture(scope="module")
def page():
    model = small_model(leaky=True, synthetic=True, experiment="<i>")
    facts = {"limits": LIMITS, "static": "", "in_browser": True}
    return render_page("page.html.j2", Predictor([model]), **facts)


def test_names_are_escaped_and_labels_shown(page):
    assert "LEAKY</strong>" in page and "synthetic sound</strong>" in page
    assert "Every sound gets an answer" in page
    assert "&lt;i&gt;" in page and "rain|&lt;b&gt;" in page
    assert "<i>" not in page and "<b>" not in page


def test_the_script_finds_what_it_looks_for(page):
    script = read_part("page.js")
    ids = set(re.findall(r'byId\("(\w+)"\)', script))
    assert ids <= set(re.findall(r'id="(\w+)"', page)) and len(ids) > 5
    for kind in re.findall(r'querySelector\("\.([\w-]+)"\)', script):
        assert re.search(rf'class="[^"]*\b{kind}\b', page), kind


def test_the_words_of_any_network_of_an_ensemble_are_shown():
    models = [small_model(), small_model(1, synthetic=True)]
    facts = {"limits": LIMITS, "static": "", "in_browser": True}
    assert "synthetic sound</strong>" in render_page("page.html.j2", Predictor(models), **facts)


def test_a_long_name_breaks_and_its_percentage_stays():
    css = read_part("page.css")
    assert re.search(r"\.classes \.name \{[^}]*overflow-wrap: anywhere", css)
    assert re.search(r"\.classes \.name :last-child \{[^}]*flex: none", css)


def test_none_of_these_is_not_given_the_probability_of_a_class():
    assert "${answer.label} (at best ${nearest}, ${percent(best)})" in read_part("page.js")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_is_as_legible_as_wcag_aa_asks(scheme):
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", read_part("page.css"))
    level = {name: luminance(both[scheme]) for name, *both in pairs}
    for ink, paper in [
        ("ink", "paper"),
        ("ink", "card"),
        ("soft", "paper"),
        ("soft", "card"),
        ("accent", "card"),
        ("accent", "paper"),
        ("on-accent", "accent"),
        ("bad", "card"),
        ("bad", "paper"),
        ("ink", "fill"),
        ("soft", "fill"),
    ]:
        low, high = sorted((level[ink], level[paper]))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)


def test_both_computers_offer_the_page_the_same():
    assert BY_SERVER.keys() - {COPY} == IN_BROWSER.keys()  # a server has a page with a command, too
    assert read_part(COPY).startswith('"use strict"')
    for parts in (BY_SERVER, IN_BROWSER):
        assert "export async function predict(file)" in read_part(parts["predict.js"])

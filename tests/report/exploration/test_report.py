import csv
import json
import re
from html.parser import HTMLParser

import pytest

from esc50.errors import UserError
from esc50.report.exploration.report import Exploration
from tests.report.browser import faults_in_browser
from tests.report.conftest import CLASSES


class Text(HTMLParser):
    """What a page shows, and the scripts that it runs."""

    def __init__(self, page):
        super().__init__()
        self.inside, self.text, self.scripts, self.sources = [], "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.inside.append(tag)
        attributes = dict(attributes)
        self.sources += [attributes["src"]] if "src" in attributes else []

    def handle_endtag(self, tag):
        while self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" in self.inside:
            self.scripts.append(data)
        else:
            self.text += data


@pytest.fixture(scope="module")
def page(explored):
    return explored.page.read_text()


def test_odd_names_are_shown_and_are_neither_elements_nor_scripts(page):
    shown = Text(page)
    for name in (*CLASSES, "Data set <odd>"):
        assert name in shown.text
    assert not any(script.startswith("alert") for script in shown.scripts)
    assert all(source.startswith("data:") for source in shown.sources)


def test_the_page_says_what_to_mend_first(page):
    text = Text(page).text
    mend = text.index("Clips that cannot be read: 1")
    assert mend < text.index("LEAKY") < text.index("Look:")
    for sentence in (
        "Groups of exactly the same sound: 1. Of them on two sides of the chosen split: 1",
        "Silent clips (below -70 dBFS): 1",
        "at full scale): 1",
        "Kinds of file (encoding, rate, channels): 2",
    ):
        assert sentence in text


def test_the_list_for_spreadsheets_holds_no_formula_and_every_readable_clip(explored):
    with (explored.page.parent / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 39
    assert {row["class"] for row in rows} == {*CLASSES[:1], "'" + CLASSES[1], *CLASSES[2:]}
    assert all(not value.startswith(("=", "@", "+")) for row in rows for value in row.values())
    silent = next(row for row in rows if row["clip"] == "1-131-A-3.wav")
    assert silent["rms_dbfs"] == "" and silent["rms"] == "0"


def test_every_clip_can_be_found_from_the_map(page, explored):
    cards = json.loads(re.search(r'id="cards">(.*?)</script>', page, re.S)[1])
    assert len(cards["clips"]) == 39 and cards["classes"] == list(CLASSES)
    name, _, _, place = cards["clips"][0]
    assert (explored.page.parent / place).samefile(explored.table.audio_root / name)


def test_all_sounds_in_the_page_no_augmentation_and_a_split_that_cannot_be_made(
    odd_config, tmp_path
):
    wanted = ("sounds=all", "seconds=0.2", "augment=none", "split.fold=9", "examples=1")
    exploration = Exploration(odd_config(*wanted, f"output_dir={tmp_path / 'new'}"), "all")
    exploration.write()
    page = exploration.page.read_text()
    cards = json.loads(re.search(r'id="cards">(.*?)</script>', page, re.S)[1])
    assert len(cards["sounds"]) + page.count('data-clip="') == 39 + 1  # one is in the script
    text = Text(page).text
    assert "changes nothing" in text
    assert "The chosen split cannot be made: split.fold=9" in text


def test_clips_are_shown_though_they_are_too_few_recordings_for_folds(odd_config, tmp_path):
    wanted = ("data=csv", "data.table=meta/esc50.csv", "data.audio=audio", "data.folds=900")
    wanted += ("data.columns.fold=null", "augment=none", "examples=1", "seconds=0.1")
    exploration = Exploration(odd_config(*wanted, f"output_dir={tmp_path}"), "few")
    exploration.write()
    text = Text(exploration.page.read_text()).text
    assert "The chosen split cannot be made:" in text and "too few for 900 folds" in text


@pytest.mark.parametrize(
    "override, sentence",
    [("clip=none.wav", "clip=none.wav is no clip"), ("examples=0", "examples=0 is invalid")],
)
def test_bad_input_is_a_sentence(odd_config, override, sentence):
    with pytest.raises(UserError, match=sentence):
        Exploration(odd_config(override), "odd")


@pytest.mark.slow
def test_a_browser_finds_nothing_wrong_with_the_page(explored):
    assert faults_in_browser(explored.page) == []


@pytest.mark.slow
def test_clips_are_looked_for_and_heard_from_the_lists(explored):
    assert faults_in_browser(explored.page, script="check_exploration.js") == []

import json
import re
import shutil

import pytest

from esc50.report.run.report import write_report
from tests.report.browser import faults_in_browser
from tests.report.conftest import EVIL, seen
from tests.report.test_page import Elements


def stored(page, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.S)[1])


def test_a_run_can_be_read_and_heard(reported):
    page = (reported / "report.html").read_text()
    assert not Elements(page).open
    sounds, cells = stored(page, "sounds"), stored(page, "cells")
    tested = [test["clip"] for cell in cells.values() for test in cell]
    assert len(tested) == 10 and set(tested) <= set(sounds)
    for player in re.findall(r'<audio[^>]*data-clip="([^"]*)"', page):
        assert player in sounds
    for words in ("The least confident hits", "Training clips that it finds most alike",
                  "trainer.max_epochs", "python train.py", "simple baseline", "cosine similarity",
                  "0.5 s wide, and from 0 kHz up to 4 kHz high", ">4 kHz</span>"):  # fmt: skip
        assert words in page, words
    assert 'class="missing"' not in page and "LEAKY" not in seen(page)


def test_hostile_names_are_shown_as_they_are(hostile):
    write_report(hostile)
    page = (hostile / "report.html").read_text()
    elements = Elements(page)
    assert not elements.open and "\x00" not in page and "\x1b" not in page
    assert "img" not in elements.count and "b" not in elements.count
    assert "alert(1)" not in re.sub(r"&lt;script&gt;alert\(1\)&lt;/script&gt;", "", seen(page))
    assert all(name in elements.text for name in (EVIL[0], EVIL[1], EVIL[2], "a�b�[31m"))
    assert "config.yaml is gone" in elements.text and elements.text.count("LEAKY") > 20
    assert stored(page, "sounds") == {}


def test_without_sound_or_checkpoints_it_says_what_it_lacks(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder, ignore=shutil.ignore_patterns("checkpoints", "history.csv"))
    write_report(folder)
    page = seen((folder / "report.html").read_text())
    assert "is no file: give a checkpoint" in page and "no history.csv" in page
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(re.sub(r"root: .*", "root: nowhere", config))
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert "nowhere is not there any more" in seen(page) and "<audio" not in seen(page)


@pytest.mark.parametrize("damage", ["data: 3", "data: {_target_: esc50.data.datasets.ESC50}", "["])
def test_a_config_out_of_shape_costs_a_sentence(tmp_path, make_run, damage):
    folder = make_run(tmp_path / "run")
    (folder / "config.yaml").write_text(damage)
    write_report(folder)
    assert "Nothing can be heard" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_browser_finds_nothing_wrong_with_the_pages(reported, hostile):
    write_report(hostile)
    assert faults_in_browser(reported / "report.html", hostile / "report.html") == []


@pytest.mark.slow
def test_the_confusion_matrix_is_heard_by_mouse_and_by_keyboard(reported):
    assert faults_in_browser(reported / "report.html", script="check_confusion.js") == []

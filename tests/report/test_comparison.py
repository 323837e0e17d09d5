import json
import re
import shutil

import pytest

from esc50.errors import UserError
from esc50.report.comparison import distinct_names, letter, write_comparison
from esc50.report.run.subject import find_subject
from esc50.results.recipes.comparison import compare
from tests.report.conftest import seen
from tests.report.test_page import Elements


def test_two_recipes_are_compared_fold_by_fold(tmp_path, make_run):
    for name, luck in (("a", 0), ("b", 1)):
        for fold in (1, 2):
            folder = tmp_path / name / f"fold{fold}"
            make_run(folder, fold, luck=luck, experiment=name, leaky=name == "b", skill=1.0)
    page = write_comparison([tmp_path / "a", tmp_path / "b"], tmp_path / "both.html")
    elements = Elements(page.read_text())
    assert not elements.open
    sides = [[tmp_path / name / f"fold{fold}" for fold in (1, 2)] for name in ("a", "b")]
    result = compare(*sides)
    assert f"{result['difference']:+.2%} LEAKY" in elements.text
    assert "{:+.2%} to {:+.2%} LEAKY".format(*result["bootstrap_ci95"]) in elements.text


def test_data_that_differ_are_said_to(tmp_path, make_run):
    digests = {"a": "d1", "b": "d1", "c": "d2"}
    runs = {name: make_run(tmp_path / name, 1, data_digest=d) for name, d in digests.items()}

    def page(*names):
        folders = [runs[name] for name in names]
        return seen(write_comparison(folders, tmp_path / "page.html").read_text())

    assert "their data_digest differs" in page("a", "c")
    assert "their data_digest differs" not in page("a", "b")


def test_what_cannot_be_compared_says_why_once_and_by_letters(tmp_path, make_run):
    runs = [make_run(tmp_path / f"fold{fold}", fold) for fold in (1, 2, 3)]
    page = seen(write_comparison(runs, tmp_path / "page.html").read_text())
    (said,) = re.findall(r"<li>They (.*?)\.</li>", page)
    why, two = said.split(": ")
    assert why == "have no fold with one seed in common"
    pairs = {frozenset(pair.split(" and ")) for pair in two.split(", ")}
    assert pairs == {frozenset("AB"), frozenset("AC"), frozenset("BC")}
    assert "of A, seed 1: fold 1; B, seed 1: fold 2; C, seed 1: fold 3." in page
    assert "Not all were tested on the same clips" in page
    with pytest.raises(UserError, match="given twice"):
        write_comparison([runs[0], runs[0]], tmp_path / "page.html")


def test_curves_name_the_runs_drawn_and_say_whose_are_missing(tiny_run, tmp_path, make_run):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    name = find_subject(run).runs[0].name
    page = write_comparison([run, make_run(tmp_path / "b")], tmp_path / "p.html").read_text()
    said = f"Drawn is the first run of each: A, {name}. There is no history.csv of B, fold 1"
    assert said in Elements(page).text and "the tested epoch" in page
    shutil.copytree(run, tmp_path / "again")
    page = write_comparison([run, tmp_path / "again"], tmp_path / "p.html").read_text()
    assert "A star is the epoch that was tested" in page
    lines = json.loads(re.search(r'id="data-curve-loss">(.*?)</script>', page, re.S)[1])["data"]
    names = [line["name"] for line in lines if line["showlegend"]]
    assert names == [f"{a}, {name}" for a in "AB"]
    assert all("star" in line["marker"]["symbol"] for line in lines)
    points = json.loads(re.search(r'id="data-classes">(.*?)</script>', page, re.S)[1])["data"]
    assert len({trace["name"] for trace in points}) == 2


def test_every_subject_has_a_letter():
    assert [letter(number) for number in (0, 25, 26, 27)] == ["A", "Z", "AA", "BB"]


def test_names_are_told_apart_by_signature_or_folder(tmp_path, make_run):
    first = find_subject(make_run(tmp_path / "a"))
    same = find_subject(make_run(tmp_path / "b"))
    other = find_subject(make_run(tmp_path / "c", signature="f" * 10))
    assert distinct_names([first]) == ["made, fold 1, seed 1"]
    names = distinct_names([first, same, other])
    assert names[2] == "made, fold 1, seed 1 (ffffffffff)" and names[0].endswith(f"in {tmp_path}/a")


def test_hostile_names_are_escaped(hostile, tmp_path, make_run):
    page = write_comparison([hostile, make_run(tmp_path / "b", 1)], tmp_path / "page.html")
    elements = Elements(page.read_text())
    assert not elements.open and "img" not in elements.count
    assert "Their classes are not the same" in elements.text

import json

import pytest

from esc50.report.run.clips import Clips
from esc50.report.run.standing import against_ledger, find_ledger, forest_accuracy, most_frequent
from esc50.report.run.subject import find_subject
from esc50.results.ledger import append
from esc50.results.recipes.comparison import compare


@pytest.fixture
def outputs(tmp_path, make_run):
    """A ledger of three recipes on the same clips, one of which leaks, and one on others."""
    recipes = {"ours": {}, "other": {}, "leaks": {"leaky": True}, "far": {"data_digest": "d2"}}
    for number, (name, more) in enumerate(recipes.items()):
        folder = tmp_path / f"{name}-{number}" / "seed1" / "fold1"
        make_run(folder, luck=number, experiment=name, signature=str(number) * 10, **more)
        append(tmp_path / "results.csv", json.loads((folder / "results.json").read_text()))
    return tmp_path


def test_the_others_on_the_same_clips_are_compared_by_pairs(outputs):
    ours, other = (outputs / f"{name}" / "seed1" / "fold1" for name in ("ours-0", "other-1"))
    subject = find_subject(ours)
    table = against_ledger(subject, find_ledger(subject))
    rows = {row[0].partition("@")[0]: row for row in table.rows}
    assert set(rows) == {"other", "leaks"}
    result = compare([ours], [other])
    assert rows["other"][5] == f"{result['difference']:+.2%}"
    assert rows["other"][6] == "{:+.2%} to {:+.2%}".format(*result["bootstrap_ci95"])
    assert all("LEAKY" in cell for cell in (rows["leaks"][3], *rows["leaks"][5:]))
    assert "LEAKY" not in rows["leaks"][4]


def test_without_another_recipe_it_says_so(outputs):
    subject = find_subject(outputs / "far-3" / "seed1" / "fold1")
    assert "no other recipe" in against_ledger(subject, outputs / "results.csv")


def test_guessing_and_the_forest_are_on_the_same_test_clips(tiny_run):
    subject = find_subject(tiny_run)
    clips = Clips(subject.config, trusted=False)
    assert most_frequent(subject) == pytest.approx(0.2)
    table = clips.data.table
    digests = [clips.data.digests[row] for row in range(50) if table.folds[row] > 2]
    assert forest_accuracy(subject.runs[0], clips, frozenset(digests)) >= 0.9  # tones far apart
    assert forest_accuracy(subject.runs[0], clips, frozenset()) is None

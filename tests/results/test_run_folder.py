import json

import numpy as np
import pytest

from esc50.errors import UserError
from esc50.results.predictions import read_run
from esc50.results.run_folder import (
    find_results,
    is_finished,
    read_results,
    why_unfinished,
    write_predictions,
)


def test_a_run_with_results_and_predictions_is_finished(tmp_path, make_run):
    run = make_run(tmp_path / "run", fold=3)
    assert is_finished(run) and why_unfinished(run) is None
    assert read_results(run)["fold"] == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is damaged"),
        ('{"experiment": "made", "fo', "is damaged"),
        ("[" * 10**5, "is damaged"),
        ("[1, 2]", "holds no results"),
        ('"finished"', "holds no results"),
        ("null", "holds no results"),
        ("{}", "lacks a valid experiment, protocol, leaky, signature, seed, fold, test/acc"),
    ],
)
def test_results_of_unexpected_shape_are_those_of_no_finished_run(
    tmp_path, make_run, content, why, capsys
):
    run = make_run(tmp_path / "run")
    (run / "results.json").write_text(content)
    assert not is_finished(run) and why in why_unfinished(run)
    with pytest.raises(UserError, match=f"run: not finished: results.json {why}"):
        read_results(run)
    assert find_results(run) is None
    assert f"run: not finished: results.json {why}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value"), [("fold", "all"), ("seed", None), ("test/acc", "0.9"), ("leaky", "no")]
)
def test_a_value_of_another_type_is_named(tmp_path, make_run, key, value):
    run = make_run(tmp_path / "run")
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, key: value}))
    assert f"lacks a valid {key};" in why_unfinished(run)


def test_bytes_that_are_no_text_are_damage(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    (run / "results.json").write_bytes(b"\xff\xfe\x00")
    assert "is damaged" in why_unfinished(run)


def test_results_without_predictions_are_not_finished(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    (run / "predictions.csv").unlink()
    assert "no predictions.csv" in why_unfinished(run)
    assert "no results.json" in why_unfinished(tmp_path / "nothing")


def test_names_are_no_formulas_in_the_table_and_come_back_as_they_were(tmp_path, make_run):
    run = make_run(tmp_path / "run")
    names = ["=1+1", "-x", "'=y", "plain", "'quoted'"]
    write_predictions(
        run / "predictions.csv", ["@clip.wav"], np.array([1]), np.array([0]), np.eye(5)[:1],
        names, np.arange(5), ["@clip.wav"],
    )  # fmt: skip
    cells = (run / "predictions.csv").read_text().splitlines()[0].split(",")
    assert cells[4:] == ["'=1+1", "'-x", "''=y", "plain", "'quoted'"]
    again = read_run(run)
    assert again.classes == tuple(names) and again.clips.tolist() == ["@clip.wav"]


@pytest.mark.parametrize(("sources", "written"), [(["7", "7"], False), (["tape", "tape"], True)])
def test_recordings_are_written_where_names_do_not_tell_them(tmp_path, sources, written):
    clips = ["1-7-A-0.wav", "1-7-B-0.wav"]
    numbers = np.zeros(2, np.int64)
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5]])
    write_predictions(
        tmp_path / "predictions.csv",
        clips,
        numbers + 1,
        numbers,
        probabilities,
        ["a", "b"],
        np.arange(2),
        sources,
    )
    kept = tmp_path / "sources.json"
    assert kept.exists() == written
    if written:
        assert json.loads(kept.read_text()) == dict(zip(clips, sources, strict=True))

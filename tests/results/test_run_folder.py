import json

import pytest

from esc50.errors import UserError
from esc50.results.run_folder import find_results, is_finished, read_results, why_unfinished


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

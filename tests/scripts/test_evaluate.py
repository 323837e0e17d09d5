"""What `esc50-evaluate` prints."""

import pytest

from scripts.evaluate import _compose, main


@pytest.fixture
def evaluate(run_main, tiny_run, tiny_overrides, tmp_path):
    """Runs the command on `tiny`; returns exit status, what it printed, what it said aside."""

    def run(*overrides):
        data = [one for one in tiny_overrides if one.startswith("data")]
        return run_main(main, tiny_run, *data, f"output_dir={tmp_path}", "device=cpu", *overrides)

    return run


def test_leaky_numbers_are_labelled(evaluate, tmp_path):
    status, out, _ = evaluate("fold=3")
    assert status == 0 and "audit: LEAKY: " in out
    assert "on esc50, fold 3 (LEAKY)" in out
    assert all("LEAKY" in line for line in out.splitlines() if line.startswith("test/"))
    (folder,) = (tmp_path / "evaluations").glob("*/esc50-fold3")
    assert f"everything is in {folder}" in out


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("fold=6", "fold=6 is not a fold of"),
        ("fold=-1", "fold=-1 is invalid"),
        ("fodl=1", "fodl is not a setting: did you mean fold?"),
        ("data.roof=1", "data.roof is not a setting: did you mean data.root?"),
        ("data=null", "data=null is invalid"),
        ("data=esc11", "there is no data/esc11: did you mean esc10?"),
    ],
)
def test_wrong_settings_are_a_sentence(evaluate, override, why):
    status, out, err = evaluate(override)
    assert status and not out
    said = err or str(status)
    assert why in said and "\n" not in said.strip()


def test_clips_to_test_on_are_to_be_named(run_main, tmp_path):
    status, out, err = run_main(main, tmp_path)
    assert status and not out
    assert "data has no value: choose one of csv, demo, esc10," in (err or str(status))


def test_paths_are_taken_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a, b").mkdir()
    data, _ = _compose(["data=folder", "data.root=~/a, b"])
    assert data["root"] == str(tmp_path / "a, b")

import json
import re

import pytest

from esc50.results.display.console import (
    print_fold,
    print_fold_briefly,
    print_next_steps,
    show_summary,
)
from esc50.results.predictions import read_run
from esc50.results.recipes.summary import summarise
from esc50.results.statistics import clustered_wilson

ABOUT = {
    "n_train": 240,
    "n_train_clips": 240,
    "n_val": 80,
    "epochs": 10,
    "precision": "32-true",
    "device": "cpu",
    "threads": 2,
    "processor": "Some Processor with a Long Name, Version 3, at 2.45 GHz and 64 Cores",
    "origin": None,
    "pretrained_on": None,
}


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_a_runs_table_is_readable_at_any_width(tmp_path, make_run, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    run = make_run(tmp_path / "run", leaky=True, data="esc10", **ABOUT)
    print_fold(json.loads((run / "results.json").read_text()), run)
    out = capsys.readouterr().out
    assert out.startswith("made on esc10, official split, fold 1, seed 1 (LEAKY)")
    assert all(word in out.split() for word in ABOUT["processor"].split())
    for key in ("test/acc ", "test/f1_macro", "val/acc"):
        (line,) = (line for line in out.splitlines() if line.startswith(key))
        assert line.rstrip().endswith("(LEAKY)")
    table = out[: out.index("audit:")].splitlines()
    assert max(map(len, table)) <= columns


def test_a_run_is_set_beside_chance_and_its_classes_named(tmp_path, make_run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run = make_run(tmp_path / "run", synthetic=True, **ABOUT)
    results = json.loads((run / "results.json").read_text())
    print_fold(results, run)
    print_next_steps(results)
    print_fold_briefly(results, run)
    out = capsys.readouterr().out
    tests = read_run(run)
    low, high = clustered_wilson(tests.labels == tests.predicted_labels, tests.clips, tests.sources)
    assert f"{low:.4f} to {high:.4f}, 60 clips of 30 recordings (synthetic sound)" in out
    assert "0.2000, by always naming the commonest class" in out
    assert "test/loss" in out
    dogs = tests.predicted_labels[tests.labels == 0]
    assert f"dog {(dogs == 0).sum()}/12" in out
    line = out[out.index("right by class") : out.index("trained on")]
    shares = [int(right) / int(n) for right, n in re.findall(r"(\d+)/(\d+)", line)]
    assert len(shares) == 5 and shares == sorted(shares)
    *_, brief = out.splitlines()
    assert brief.startswith("made, official split, fold 1: test/acc ")
    assert brief.endswith(f"(synthetic sound), in {run}")
    assert len(out[out.index("what next:") :].splitlines()) == 5 and "data=folder" in out


@pytest.mark.parametrize("columns", [80, 160])
def test_a_summarys_table_is_readable_at_any_width(
    tmp_path, make_run, capsys, monkeypatch, columns
):
    monkeypatch.setenv("COLUMNS", str(columns))
    runs = [make_run(tmp_path / f"fold{fold}", fold=fold, leaky=True) for fold in (1, 2)]
    show_summary(summarise(runs, (1, 2, 3), out=tmp_path), tmp_path)
    out = capsys.readouterr().out
    assert "missing: fold 3, seed 1" in out and f"{tmp_path}/summary.md" in out
    table = out[: out.index("95% interval")].splitlines()
    assert max(map(len, table)) <= columns
    for whole in ("fold 1, seed 1", "mean ± std", "LEAKY", "INCOMPLETE"):
        assert whole in out

import pytest

pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from dataclasses import replace

from esc50.sweep.jobs import Job
from esc50.sweep.search.trials import Trials, short
from esc50.training.pruning import PRUNED
from tests.sweep.made_search import drive, make


def test_each_trial_says_how_it_ended_and_why(config):
    study = make(config())
    drive(study, 2)
    with study.sole_driver():
        pruned, failed, diverged = study.ask(3)
        for step, value in enumerate((900.0, 901.5)):
            pruned.report(value, step)
        pruned.set_user_attr(PRUNED, 1)
        study.tell(pruned, None, None)
        study.tell(failed, None, "out of memory")
        study.tell(diverged, float("nan"), None)
    again = make(config())
    with again.sole_driver():
        (trial,) = again.ask(1)
        again.tell(trial, 999.0, None)
        trials = Trials(again.study, jobs={4: replace(Job(4, [], ""), failed="the loss is nan")})
    table = trials.table("val/loss", endings=True)
    assert table.columns == [
        "trial",
        "state",
        "why it ended",
        "val/loss",
        "lr",
        "batch_size",
        "seconds",
    ]
    rows = {row[0]: row[1:3] for row in table.rows}
    assert (
        rows["0"] == ["finished", ""] and list(rows)[2] == "5"
    )  # the worst of those with a number
    assert rows["2"] == ["pruned", "after epoch 2, at 901.5"]
    assert rows["3"] == ["failed", "out of memory; tried again as trial 5"]
    assert rows["4"] == ["diverged", "the loss is nan"]
    assert Trials(again.study).ending(again.study.trials[4]) == "its loss is no number"
    assert Trials(again.study).table("lr").columns[3:5] == ["optimizer.lr", "batch_size"]


def test_settings_are_written_with_four_digits():
    assert [short(value) for value in (0.00123456, 16, "adam")] == ["0.001235", "16", "adam"]

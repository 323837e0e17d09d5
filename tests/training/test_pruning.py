from types import SimpleNamespace

import pytest
import torch

from esc50.training.experiment import run
from esc50.training.pruning import PRUNED, ReportToSearch, TrialPruned, report

pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from tests.sweep.made_search import make

EAGER = {"_target_": "optuna.pruners.ThresholdPruner", "upper": 0.0}  # ends every trial by a loss


@pytest.fixture
def trial(config):
    """The `trial` section of a run that its search ends at once, and the record of it."""
    study = make(config(), pruner=EAGER)
    with study.sole_driver():
        (asked,) = study.ask(1)
    section = {"study": str(study.folder), "number": asked.number}
    return section, lambda: study.study.trials[asked.number]


def test_outside_a_search_a_report_does_nothing():
    report({"study": None, "number": None}, float("nan"), 1)


def test_a_report_is_entered_and_ends_the_trial_where_the_pruner_says_so(trial):
    section, record = trial
    report(section, -1.0, 0)
    with pytest.raises(TrialPruned, match=r"pruned after step 2, at 0\.5000"):
        report(section, 0.5, 1)
    assert record().intermediate_values == {0: -1.0, 1: 0.5}
    assert record().user_attrs[PRUNED] == 1


def test_the_first_process_alone_reports_and_not_before_training(trial):
    section, record = trial
    trainer = SimpleNamespace(
        is_global_zero=True,
        sanity_checking=False,
        current_epoch=4,
        callback_metrics={"val/loss": torch.tensor(0.5)},
    )
    callback = ReportToSearch("val/loss", section)
    for other in ({"is_global_zero": False}, {"sanity_checking": True}):
        callback.on_validation_end(SimpleNamespace(**vars(trainer) | other), None)
    assert not record().intermediate_values
    with pytest.raises(TrialPruned):
        callback.on_validation_end(trainer, None)
    assert record().intermediate_values == {4: 0.5}


@pytest.mark.parametrize("fold", ["1", pytest.param("all", marks=pytest.mark.slow)])
def test_a_run_reports_by_epoch_and_several_folds_by_fold_from_0_on(config, tmp_path, trial, fold):
    section, record = trial
    settings = [f"split.fold={fold}", f"trial.study='{section['study']}'"]
    settings += [f"trial.number={section['number']}"]
    with pytest.raises(TrialPruned):
        run(config(*settings), tmp_path / "run")
    assert list(record().intermediate_values) == [0]

import math

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from esc50.config.signature import signature
from esc50.errors import UserError
from tests.conftest import REPOSITORY

optuna = pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

from esc50.sweep.study import Study  # noqa: E402
from esc50.sweep.study_report import write_report  # noqa: E402
from esc50.training.pruning import report_and_should_prune  # noqa: E402

RANDOM = {"_target_": "optuna.samplers.RandomSampler"}
TPE = {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 3, "multivariate": True}
MEDIAN = {
    "_target_": "optuna.pruners.MedianPruner",
    "n_startup_trials": 2,
    "n_warmup_steps": 1,
}
SPACE = ["optimizer.lr=tag(log, interval(1e-4, 1e-1))", "batch_size=choice(8,16)"]


def parse(*texts):
    overrides = OverridesParser.create().parse_overrides(list(texts))
    return {override.get_key_element(): override for override in overrides}


def make(cfg, space=SPACE, sampler=RANDOM):
    return Study(cfg, parse(*space), seed=3, sampler=sampler, pruner=MEDIAN)


def loss(trial):
    return (math.log10(trial.params["optimizer.lr"]) + 2.5) ** 2 + int(trial.params["batch_size"])


def drive(study, until, die_at=None):
    """Run trials; `die_at` leaves that one unfinished, as a killed driver does."""
    with study.sole_driver():
        while study.count() < until:
            (trial,) = study.ask(1)
            if trial.number == die_at:
                return
            study.tell(trial, loss(trial), None)


def finished(study):
    return [t.params for t in study.study.trials if t.state == TrialState.COMPLETE]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=interval(0.1, 2)", FloatDistribution(0.1, 2.0)),
        ("a=tag(log, interval(1e-4, 1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("a=int(interval(1, 8))", IntDistribution(1, 8)),
        ("a=tag(log, int(interval(1, 64)))", IntDistribution(1, 64, log=True)),
        ("a=range(2, 9, 3)", IntDistribution(2, 8, step=3)),
        ("a=choice(x, 1, true)", CategoricalDistribution(["x", "1", "True"])),
        ("a=1,2", CategoricalDistribution(["1", "2"])),
    ],
)
def test_hydra_sweeps_become_distributions(config, text, expected):
    assert make(config(), space=[text]).space == {"a": expected}


def test_what_cannot_be_searched_is_refused(config):
    with pytest.raises(UserError, match="monitor=test/acc"):
        make(config("monitor=test/acc"))
    with pytest.raises(UserError, match="split=literature has no validation"):
        make(config("split=literature"))
    with pytest.raises(UserError, match="no settings to vary"):
        make(config(), space=[])


@pytest.mark.parametrize("sampler", [RANDOM, TPE])
def test_a_search_killed_and_continued_chooses_what_an_unbroken_one_does(config, tmp_path, sampler):
    unbroken = make(config(f"output_dir={tmp_path / 'unbroken'}"), sampler=sampler)
    drive(unbroken, 12)
    broken = config(f"output_dir={tmp_path / 'broken'}")
    drive(make(broken, sampler=sampler), 12, die_at=7)
    drive(make(broken, sampler=sampler), 12, die_at=10)
    again = make(broken, sampler=sampler)
    drive(again, 12)
    assert finished(again) == finished(unbroken)
    assert len(finished(again)) == 12
    assert len({tuple(p.values()) for p in finished(again)}) == 12
    states = [trial.state for trial in again.study.trials]
    assert states.count(TrialState.FAIL) == 2 and TrialState.RUNNING not in states


def test_a_failed_trial_is_tried_again_the_next_time_and_a_diverged_one_is_not(config):
    study = make(config())
    with study.sole_driver():
        failing, diverging, good = study.ask(3)
        study.tell(failing, float("nan"), "out of memory")
        study.tell(diverging, float("nan"), None)
        study.tell(good, 1.0, None)
        assert study.count() == 3  # in this process all three have had their turn
    again = make(config())
    with again.sole_driver():
        assert again.count() == 2
        shown = {job.number: job for job in again.ended_jobs()}
        assert shown.keys() == {diverging.number, good.number}
        assert shown[diverging.number].diverged and shown[good.number].metric == 1.0
        (trial,) = again.ask(1)
        assert trial.params == failing.params
        again.tell(trial, 2.0, None)
    third = make(config())
    with third.sole_driver():
        assert third.count() == 3
        assert not third.study.get_trials(states=[TrialState.WAITING])


def test_one_process_at_a_time_drives_a_search(config):
    with (
        make(config()).sole_driver(),
        pytest.raises(UserError, match="another process"),
        make(config()).sole_driver(),
    ):
        pass


def test_other_settings_make_another_study(config):
    folders = {
        make(config()).folder,
        make(config("input_std=0.6")).folder,
        make(config("seed=7")).folder,
        make(config(), space=SPACE[:1]).folder,
        make(config(), sampler=TPE).folder,
    }
    assert len(folders) == 5


def test_trials_that_the_pruner_ends_stay_pruned(config):
    study = make(config())
    with study.sole_driver():
        for value in (1.0, 1.2, 1.1):
            (trial,) = study.ask(1)
            assert not any(
                report_and_should_prune(study.folder, trial.number, value, step)
                for step in range(4)
            )
            study.tell(trial, value, None)
        (bad,) = study.ask(1)
        said = [report_and_should_prune(study.folder, bad.number, 9.0, step) for step in range(2)]
        assert said == [False, True]  # not during the warm-up
    again = make(config())
    with again.sole_driver():  # the driver was killed before it could enter that
        assert again.study.trials[bad.number].state == TrialState.PRUNED
        assert again.count() == 4


def test_the_report_ranks_and_its_recipe_is_the_best_trial(tiny_overrides, config, tmp_path):
    fixed = ["data=esc10", "optimizer=adamw", *tiny_overrides[3:], f"output_dir={tmp_path}"]
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        cfg = compose("train", overrides=["+experiment=augmented", *fixed])
    study = make(cfg)
    drive(study, 6)
    write_report(study.study, cfg, study.folder, ["+experiment=augmented", *fixed])
    page = (study.folder / "study.html").read_text()
    assert page.count("plotly-graph-div") >= 4 and "Hyperparameter Importances" in page
    rows = (study.folder / "trials.csv").read_text().splitlines()
    assert rows[0] == "trial,state,val/loss,lr,batch_size,seconds" and len(rows) == 7
    losses = [float(row.split(",")[2]) for row in rows[1:]]
    assert losses == sorted(losses)
    best = study.study.best_trial
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        mine = ["+experiment=augmented", *fixed, *study.overrides(best)]
        trial = compose("train", overrides=mine)
        search = f"hydra.searchpath=[file://{study.folder}]"
        recipe = compose("train", overrides=[search, "+experiment=best_trial", "data=esc10"])
    assert recipe.name == "augmented_best"
    assert signature(recipe) == signature(trial)
    assert OmegaConf.to_container(recipe.augment) == OmegaConf.to_container(trial.augment)

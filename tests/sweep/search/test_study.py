import pytest

from esc50.errors import UserError

optuna = pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

from esc50.sweep.search.study import FAILED  # noqa: E402
from esc50.training.pruning import JOURNAL, report_and_should_prune  # noqa: E402
from tests.sweep.made_search import RANDOM, SPACE, drive, make  # noqa: E402

TPE = {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 3, "multivariate": True}


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=interval(0.5, 0.1)", r"^a: interval\(0\.5, 0\.1\) is invalid.*the lower one first"),
        ("a=interval(0, inf)", "two finite numbers"),
        ("a=tag(log, interval(0, 0.1))", r"^a: interval\(0\.0, 0\.1\).*above 0"),
        ("a=tag(log, int(interval(0, 8)))", r"^a: interval\(0, 8\).*above 0"),
        ("a=range(1, 9, 0)", "^a: the range is empty"),
    ],
)
def test_an_interval_that_holds_nothing_is_refused_in_a_sentence(config, text, said):
    with pytest.raises(UserError, match=said):
        make(config(), space=[text])


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


def test_a_trial_without_validation_has_failed_and_not_diverged(config):
    study = make(config("split=given"))
    with study.sole_driver():
        (trial,) = study.ask(1)
        study.tell(trial, None, None)
        why = study.study.trials[trial.number].user_attrs[FAILED]
        (job,) = study.ended_jobs()
    assert why.startswith("split=given has no validation clips") and not job.diverged


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


def test_a_last_line_that_was_cut_off_is_no_line_that_the_next_is_joined_to(config):
    drive(make(config()), until=2)
    journal = make(config()).folder / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    for count in (3, 4):
        study = make(config())
        drive(study, until=count)
        assert study.count() == count


@pytest.mark.parametrize(
    "text", ["no journal\n", "[]\n", "null\n", '{"a": 1}\n', "[" * 10**5 + "\n"]
)
def test_a_damaged_journal_is_named_and_what_to_do(config, text):
    journal = make(config()).folder / JOURNAL
    journal.parent.mkdir(parents=True)
    journal.write_text(text)
    with pytest.raises(UserError, match=r"line 1 of .*study\.journal is damaged: move"):
        drive(make(config()), until=1)
    assert journal.read_text() == text

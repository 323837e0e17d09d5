import pytest

pytest.importorskip("optuna", reason="searches need the extra `sweep`")

from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from esc50.sweep.jobs import Job
from esc50.sweep.search.study_page import (
    bound,
    count_validation,
    warnings,
    write_study_page,
    written,
)
from esc50.sweep.search.trials import Trials
from tests.report.browser import faults_in_browser
from tests.report.conftest import seen
from tests.sweep.made_search import drive, make

RATE = FloatDistribution(1e-4, 1e-2, log=True)


@pytest.mark.parametrize(
    ("distribution", "value", "end"),
    [
        (RATE, 1.1e-4, "lower"),
        (RATE, 1e-3, None),
        (RATE, 9e-3, "upper"),
        (FloatDistribution(0.0, 1.0), 0.01, None),  # there is nothing below, nor above
        (FloatDistribution(0.0, 1.0), 1.0, None),
        (FloatDistribution(0.0, 0.2), 0.199, "upper"),
        (IntDistribution(1, 8), 8, "upper"),
        (FloatDistribution(0.5, 0.5), 0.5, None),
        (CategoricalDistribution(["16", "32", "64"]), "64", "upper"),
        (CategoricalDistribution(["16", "32"]), "32", None),
        (CategoricalDistribution(["adam", "sgd", "adamw"]), "sgd", None),
    ],
)
def test_a_value_at_an_end_of_its_range_is_told(distribution, value, end):
    assert bound(distribution, value) == end


def test_ranges_are_written_out():
    assert written(RATE) == "0.0001 to 0.01, logarithmic"
    assert written(IntDistribution(2, 8, step=3)) == "2 to 8, in steps of 3, whole numbers"
    assert written(CategoricalDistribution(["null", "128"])) == "null, 128"


def test_a_choice_by_few_clips_is_warned_of_with_how_little_they_tell(config):
    study = make(config())
    drive(study, 3)
    best = study.study.best_trial
    few = warnings(best, "val/loss", 3, 80)
    assert few[0].startswith("Few clips: 80 of validation chose among 3 trials.")
    assert "±11 points" in few[0]  # 1.96 * sqrt(0.5 * 0.5 / 80) = 0.1096
    assert not any("Few clips" in one for n in (400, None) for one in warnings(best, "", 3, n))


def test_the_validation_clips_of_all_folds_are_counted(tmp_path, make_run):
    for fold in (1, 2):
        make_run(tmp_path / "run" / f"fold{fold}", fold, n_val=40)
    jobs = {0: Job(0, [], str(tmp_path / "gone")), 1: Job(1, [], str(tmp_path / "run"))}
    assert count_validation(jobs) == 80 and count_validation({0: jobs[0]}) is None


def page_of(config, path, n, **words):
    cfg = config("name='a <b>search'")
    study = make(cfg)
    drive(study, n)
    command = "python train.py +experiment=best_trial" if n else None
    with study.sole_driver():
        write_study_page(path, Trials(study.study), cfg, words, command)
    return path.read_text()


def test_the_page_names_the_best_trial_what_was_searched_and_the_command(config, tmp_path):
    page = seen(page_of(config, tmp_path / "study.html", 5, leaky=True))
    assert "a &lt;b&gt;search" in page and "<b>" not in page
    assert "is the best: val/loss LEAKY" in page and "0.0001 to 0.1, logarithmic" in page
    assert "<code>python train.py +experiment=best_trial</code>" in page
    assert "MedianPruner, n_startup_trials=2, n_warmup_steps=1" in page
    assert "the lower the better" in page and "5: 5 finished" in page


def test_the_page_of_a_search_without_a_finished_trial_says_so(config, tmp_path):
    page = seen(page_of(config, tmp_path / "study.html", 0))
    assert "there is no best one" in page and "the command" not in page


@pytest.mark.slow
def test_a_browser_finds_no_fault_with_the_page(config, tmp_path):
    page_of(config, tmp_path / "study.html", 12, leaky=True)
    assert faults_in_browser(tmp_path / "study.html") == []

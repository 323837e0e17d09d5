"""The launcher that survives what it launches, and the search that hands it its trials."""

import math
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException

from esc50.sweep.jobs import Sweep
from hydra_plugins.esc50.sweepers import FaultTolerantLauncher, Search

DONE = JobReturn(status=JobStatus.COMPLETED, _return_value=0.5)
FAILED = JobReturn(status=JobStatus.FAILED, _return_value=OSError("disk full"))


class Stub:
    def __init__(self, answer):
        self.answer, self.launched = answer, 0

    def launch(self, job_overrides, initial_job_idx):
        self.launched += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_job_that_failed_is_noted_and_the_others_keep_their_results(tmp_path):
    sweep = Sweep(tmp_path)
    launcher = FaultTolerantLauncher(Stub([DONE, FAILED]), sweep)
    one, other = launcher.launch([["seed=1"], ["seed=2"]], initial_job_idx=4)
    assert one.return_value == 0.5 and math.isnan(other.return_value)
    (lost,) = sweep.jobs()
    assert (lost.number, lost.name, lost.failed) == (5, "seed=2", "OSError: disk full")


def test_when_the_launcher_breaks_down_every_job_has_failed(tmp_path):
    sweep = Sweep(tmp_path)
    launcher = FaultTolerantLauncher(Stub(RuntimeError()), sweep)
    returns = launcher.launch([["seed=1"], ["seed=2"]], initial_job_idx=0)
    assert all(math.isnan(returned.return_value) for returned in returns)
    assert [job.failed for job in sweep.jobs()] == ["RuntimeError: no reason given"] * 2


def test_what_hydra_says_of_a_config_is_said_as_ever(tmp_path):
    launcher = FaultTolerantLauncher(Stub(HydraException("no such choice")), Sweep(tmp_path))
    with pytest.raises(HydraException, match="no such choice"):
        launcher.launch([["data=none"]], initial_job_idx=0)


@pytest.fixture
def search(config, tmp_path):
    """Makes a search, set up with a launcher whose jobs all give one answer."""
    pytest.importorskip("optuna", reason="searches need the extra `sweep`")
    from omegaconf import OmegaConf

    from tests.sweep.made_search import MEDIAN, RANDOM

    def make(answer, n_trials=3, n_jobs=1, seed=0, overrides=()):
        sampler, pruner = OmegaConf.create(RANDOM), OmegaConf.create(MEDIAN)
        made = Search(n_trials, n_jobs, seed, sampler, pruner, None)
        made.master, made.sweep_notes = None, Sweep(tmp_path)
        cfg = config(*overrides)
        made.config_loader = SimpleNamespace(load_sweep_config=lambda master, fixed: cfg)
        made.tolerant = Stub([answer])
        return made

    return make


def test_a_search_without_validation_ends_at_its_first_trial(search):
    unvalidated = search(JobReturn(status=JobStatus.COMPLETED), overrides=["split=given"])
    with pytest.raises(SystemExit, match="error: split=given has no validation clips"):
        unvalidated.sweep(["optimizer.lr=interval(0.1, 0.2)"])
    assert unvalidated.tolerant.launched == 1


@pytest.mark.parametrize(
    ("key", "value"), [("n_jobs", -1), ("n_trials", 0), ("n_trials", 2.5), ("seed", -1)]
)
def test_numbers_of_a_search_that_make_no_sense_are_refused(search, key, value):
    wrong = search(DONE, **{key: value})
    with pytest.raises(SystemExit, match=f"error: hydra.sweeper.{key}={value} is invalid"):
        wrong.sweep(["optimizer.lr=interval(0.1, 0.2)"])

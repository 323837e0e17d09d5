"""The launcher that survives what it launches."""

import math

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException

from esc50.sweep.jobs import Sweep
from hydra_plugins.esc50.sweepers import FaultTolerantLauncher

DONE = JobReturn(status=JobStatus.COMPLETED, _return_value=0.5)
FAILED = JobReturn(status=JobStatus.FAILED, _return_value=OSError("disk full"))


class Stub:
    def __init__(self, answer):
        self.answer = answer

    def launch(self, job_overrides, initial_job_idx):
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

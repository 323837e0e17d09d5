"""A job of a sweep as Hydra calls it, its run in a process of its own."""

import math

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from esc50.config.choices import CONF
from esc50.config.resolvers import register_resolvers
from esc50.sweep.jobs import LOG, JobNote, Sweep
from esc50.sweep.run_job import run_job


@pytest.fixture
def job(tiny_overrides, tmp_path):
    """Runs a job that has begun: what it returns, and its note."""

    def work(*overrides):
        register_resolvers()
        mine = [*tiny_overrides, "trainer.max_epochs=1", f"output_dir={tmp_path}", *overrides]
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            cfg = compose("train", mine, return_hydra_config=True)
            with open_dict(cfg):
                cfg.hydra.job.num = 3
                cfg.hydra.runtime.output_dir = str(tmp_path / "run")
                (tmp_path / "run").mkdir()
                Sweep.create(cfg)
                HydraConfig.instance().set_config(cfg)
                note = JobNote.find(cfg.hydra)
                note.begin(cfg.hydra)
                del cfg["hydra"]
            return run_job(cfg), note.read()

    return work


@pytest.mark.slow
def test_a_job_returns_and_notes_the_monitored_metric(job, tmp_path):
    value, noted = job("monitor=val/acc")
    assert noted.metric == value and noted.ended and noted.failed is None
    assert "official split, fold 1" in (tmp_path / "run" / LOG).read_text()


@pytest.mark.slow
def test_a_job_that_fails_gives_nan_and_notes_why(job, tmp_path):
    value, noted = job(f"data.root={tmp_path}")
    assert math.isnan(value) and noted.ended
    assert "meta/esc50.csv is missing" in noted.failed and not noted.diverged


def test_a_config_that_is_wrong_starts_no_process(job, tmp_path):
    value, noted = job("batch_size=0")
    assert math.isnan(value) and "batch_size=0 is invalid" in noted.failed
    assert not (tmp_path / "run" / LOG).exists()

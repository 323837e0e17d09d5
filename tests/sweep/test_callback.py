"""How a sweep ends: what is said of its jobs, and the exit code."""

import pickle

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from esc50.config.resolvers import register_resolvers
from esc50.sweep.callback import SummariseSweep
from esc50.sweep.jobs import Job, Sweep
from tests.conftest import REPOSITORY


@pytest.fixture
def master(tmp_path):
    """Composes what a sweep's jobs are composed from."""

    def make(*overrides):
        register_resolvers()
        with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
            mine = [f"output_dir={tmp_path}", *overrides]
            return compose("train", overrides=mine, return_hydra_config=True)

    return make


def job(number, **known):
    return Job(number, [f"seed={number}"], "", "", None, started=0.0, ended=1.0, **known)


def test_a_note_out_of_shape_is_named_and_passed_over(master, capsys):
    config = master()
    sweep = Sweep.create(config)
    (sweep.folder / "jobs" / "0.json").write_text('{"number": "zero"}')
    sweep.note(1).write(job(1, metric=0.5))
    SummariseSweep().on_multirun_end(config)
    said = capsys.readouterr().err
    assert "0.json" in said and "passed over" in said and len(said.splitlines()) == 1


def test_a_diverged_job_fails_a_grid_and_is_a_result_of_a_search(master, capsys):
    diverged = job(3, failed="training diverged in epoch 2", diverged=True)
    grid = master()
    Sweep.create(grid).note(3).write(diverged)
    with pytest.raises(SystemExit) as ended:
        SummariseSweep().on_multirun_end(grid)
    assert ended.value.code == 1
    assert "job 3 diverged: training diverged in epoch 2" in capsys.readouterr().err
    search = master("hydra/sweeper=optuna")
    Sweep.create(search).note(3).write(diverged)
    SummariseSweep().on_multirun_end(search)  # no exit


def test_a_failed_trial_fails_its_search(master):
    config = master("hydra/sweeper=optuna")
    Sweep.create(config).note(0).write(job(0, failed="out of memory"))
    with pytest.raises(SystemExit) as ended:
        SummariseSweep().on_multirun_end(config)
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("place", "said"), [("made-0123", "predictions.csv"), ("../elsewhere", "unforeseen")]
)
def test_a_summary_that_cannot_be_made_is_a_sentence_and_fails_the_sweep(
    master, make_run, capsys, monkeypatch, tmp_path, place, said
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where a traceback goes
    config = master("output_dir=" + str(tmp_path / "outputs"))
    config.hydra.overrides.task = ["seed=1,2"]
    folder = (tmp_path / "outputs" / place / "seed1" / "fold1").resolve()
    (make_run(folder) / "predictions.csv").write_text("clip\n")
    Sweep.create(config).note(0).write(Job(0, [], str(folder), ended=1.0, metric=0.5))
    with pytest.raises(SystemExit) as ended:
        SummariseSweep().on_multirun_end(config)
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error and error.count("\n") == 1


def test_a_callback_sets_up_the_process_it_is_unpickled_in():
    packed = pickle.dumps(SummariseSweep())
    OmegaConf.clear_resolver("esc50.mode")
    pickle.loads(packed)
    assert OmegaConf.has_resolver("esc50.mode")

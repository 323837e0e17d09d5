"""The notes of a sweep's jobs, and the line made of them."""

import pickle

import pytest
from omegaconf import OmegaConf

from esc50.sweep.jobs import Job, JobNote, Plan, Sweep
from esc50.sweep.progress import duration, progress_line


@pytest.fixture
def master(tmp_path):
    """What a sweep's jobs are composed from, as far as notes are concerned."""
    return OmegaConf.create(
        {
            "hydra": {
                "callbacks": {"summary": {"folder": None}},
                "overrides": {"hydra": [], "task": ["seed=1", "trial.number=7"]},
                "runtime": {"output_dir": "out/a"},
                "sweep": {"dir": str(tmp_path / "it's, all")},
                "job": {"num": 7},
            }
        }
    )


def job(number, **known):
    return Job(number, [], "", host="", devices=None, started=0.0, **known)


def test_a_job_notes_its_beginning_and_its_end(master, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    sweep = Sweep.create(master)
    note = JobNote.find(master.hydra)
    note.update(devices="0")
    note.end(metric=1.0)
    assert sweep.jobs() == []  # it has not begun
    note.begin(master.hydra)
    (known,) = sweep.jobs()
    assert (known.number, known.folder, known.devices) == (7, "out/a", "3")
    assert known.name == "seed=1"
    assert known.ended is None
    note.end(metric=0.25)
    note.end(failed="too late: it has ended")
    (known,) = sweep.jobs()
    assert known.ended >= known.started and known.metric == 0.25 and known.failed is None
    assert not list(sweep.folder.glob("jobs/*.part*"))


def test_the_override_that_names_the_sweep_survives_any_folder_name(master):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    sweep = Sweep.create(master)
    (override,) = OverridesParser.create().parse_overrides(list(master.hydra.overrides.hydra))
    assert override.key_or_group == "hydra.callbacks.summary.folder"
    assert override.value() == str(sweep.folder)


def test_a_lost_job_is_noted_by_the_driver_unless_it_ended(tmp_path):
    sweep = Sweep(tmp_path)
    sweep.note(0).write(job(0, ended=1.0, metric=0.5))
    sweep.note(1).write(job(1))
    for number in (0, 1, 2):
        sweep.mark_lost(number, ["seed=2"], "lost")
    done, running, unseen = sweep.jobs()
    assert (done.failed, done.metric) == (None, 0.5)
    assert (running.failed, running.name) == ("lost", "")
    assert (unseen.failed, unseen.folder, unseen.name) == ("lost", "", "seed=2")


def test_a_job_that_never_ended_was_killed(tmp_path):
    sweep = Sweep(tmp_path)
    sweep.note(0).write(job(0))
    assert "killed" in sweep.ended_jobs()[0].failed


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"number": 3}', '{"number": "x"', "\0\1", '{"metric": {}}']
)
def test_a_note_out_of_shape_is_passed_over(text, tmp_path):
    sweep = Sweep(tmp_path)
    sweep.note(0).write(job(0, ended=1.0, metric=float("nan")))
    (tmp_path / "jobs" / "3.json").write_text(text)
    assert [known.number for known in sweep.jobs()] == [0]
    assert sweep.bad_notes() == [tmp_path / "jobs" / "3.json"]


def test_a_plan_is_read_as_it_was_set(tmp_path):
    sweep = Sweep(tmp_path)
    assert sweep.plan() == Plan()
    plan = Plan(20, earlier=[job(0, ended=1.0, metric=0.5)])
    sweep.set_plan(plan)
    assert sweep.plan() == plan


def test_a_callback_sets_up_the_process_it_is_unpickled_in():
    from esc50.sweep.callback import SummariseSweep

    packed = pickle.dumps(SummariseSweep())
    OmegaConf.clear_resolver("esc50.mode")
    pickle.loads(packed)
    assert OmegaConf.has_resolver("esc50.mode")


def test_the_line_counts_and_estimates():
    jobs = [
        job(0, ended=1.0, metric=0.5),
        job(1, ended=1.0, metric=float("nan"), failed="no number", diverged=True),
        job(2, ended=1.0, failed="broken"),
        job(3, ended=1.0, metric=0.25),
        job(4),
    ]
    line = progress_line(jobs, Plan(10), seconds=40.0, metric="val/loss")
    assert line == (
        "sweep: 4 of 10 done, 1 running, 1 failed, 1 diverged, "
        "best val/loss 0.2500 (job 3), 60 s left"
    )
    assert "best val/acc 0.5000 (job 0)" in progress_line(jobs, Plan(), 40.0, "val/acc")
    assert [duration(s) for s in (40, 720, 7200)] == ["40 s", "12 min", "2.0 h"]


def test_a_continued_search_counts_and_names_the_best_of_all_its_trials():
    earlier = [
        job(0, ended=1.0, metric=0.1),
        job(1, ended=1.0, pruned=True),
        job(2, ended=1.0, diverged=True),
    ]
    jobs = [job(3, ended=9.0, metric=0.2), job(4)]
    line = progress_line(jobs, Plan(6, earlier), seconds=10.0, metric="val/loss")
    assert line == (
        "sweep continued: 4 of 6 done, 1 running, 1 diverged, 1 pruned, "
        "best val/loss 0.1000 (job 0), 20 s left"
    )

"""The notes of a sweep's jobs."""

from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from esc50.sweep.jobs import Job, JobNote, Plan, Sweep, quoted, search_jobs


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


def test_trials_of_an_earlier_process_are_found_and_those_of_other_searches_are_not(tmp_path):
    study, other = tmp_path / "studies" / "it's a name", tmp_path / "studies" / "other"
    for sweep, number in (("earlier", 0), ("later", 1)):
        own = [f"trial.study={quoted(study)}", f"trial.number={number}"]
        note = Sweep(tmp_path / "sweeps" / sweep).note(0)
        note.write(replace(job(0), overrides=own))
    assert list(search_jobs(tmp_path, study)) == [0, 1] and search_jobs(tmp_path, other) == {}

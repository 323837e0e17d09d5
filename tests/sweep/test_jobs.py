import pytest
from omegaconf import OmegaConf

from esc50.sweep import jobs
from esc50.sweep.jobs import Job
from esc50.sweep.progress import duration, standing


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(jobs, "_mine", None)
    monkeypatch.setattr(jobs, "_driven", None)


def config(number, folder):
    return OmegaConf.create(
        {
            "hydra": {
                "job": {"num": number},
                "overrides": {"task": ["seed=1"]},
                "runtime": {"output_dir": folder},
            }
        }
    )


def test_a_job_notes_its_beginning_and_its_end(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    jobs.begin(tmp_path, config(7, "out/a"))
    (job,) = jobs.read_jobs(tmp_path)
    assert (job.number, job.name, job.folder, job.devices) == (7, "seed=1", "out/a", "3")
    assert job.ended is None
    jobs.end(metric=0.25)
    jobs.end(failed="too late: it has ended")
    (job,) = jobs.read_jobs(tmp_path)
    assert job.ended >= job.started and job.metric == 0.25 and job.failed is None
    assert not list(tmp_path.glob("jobs/*.part*"))


def test_a_lost_job_is_noted_by_the_driver_unless_it_ended(tmp_path):
    jobs.drive(tmp_path)
    jobs.begin(tmp_path, config(0, "out/a"))
    jobs.end(metric=0.5)
    jobs.begin(tmp_path, config(1, "out/b"))
    for number in (0, 1, 2):
        jobs.amend(number, ["seed=2"], "lost")
    done, running, unseen = jobs.read_jobs(tmp_path)
    assert (done.failed, done.metric) == (None, 0.5)
    assert (running.failed, running.folder) == ("lost", "out/b")
    assert (unseen.failed, unseen.folder, unseen.name) == ("lost", "", "seed=2")


def test_a_job_that_never_ended_was_killed(tmp_path):
    jobs.drive(tmp_path)
    jobs.begin(tmp_path, config(0, "out/a"))
    assert "killed" in jobs.driven()[0].failed


def test_nothing_is_noted_outside_a_sweep(tmp_path):
    jobs.end(metric=1.0)
    jobs.update(devices="0")
    assert not list(tmp_path.iterdir())


def test_the_line_counts_and_estimates():
    def job(number, **known):
        return Job(number, [], "", host="", devices=None, started=0.0, **known)

    known = [
        job(0, ended=1.0, metric=0.5),
        job(1, ended=1.0, metric=float("nan")),
        job(2, ended=1.0, failed="broken"),
        job(3, ended=1.0, metric=0.25),
        job(4),
    ]
    line = standing(known, total=10, seconds=40.0, metric="val/loss")
    assert line == (
        "sweep: 4 of 10 done, 1 running, 1 failed, best val/loss 0.2500 (job 3), 60 s left"
    )
    assert "best val/acc 0.5000 (job 0)" in standing(known, None, 40.0, "val/acc")
    assert [duration(s) for s in (40, 720, 7200)] == ["40 s", "12 min", "2.0 h"]


@pytest.mark.parametrize("note", ["", "null", "[]", '"x"', '{"number": 3', "{}", '{"odd": 1}'])
def test_a_damaged_note_is_that_of_a_job_that_never_ended(tmp_path, note):
    jobs.drive(tmp_path)
    (tmp_path / "jobs" / "3.json").write_text(note)
    (job,) = jobs.driven()
    assert (job.number, job.ended) == (3, None)
    assert job.failed.endswith("3.json is damaged")

from esc50.sweep.jobs import Job
from esc50.sweep.labels import job_words


def job(number, folder="", *overrides):
    return Job(number, list(overrides), str(folder), host="", devices=None, started=0.0)


def test_one_leaky_fold_makes_a_jobs_numbers_leaky(tmp_path, make_run):
    make_run(tmp_path / "a" / "fold1", 1)
    make_run(tmp_path / "a" / "fold2", 2, leaky=True)
    make_run(tmp_path / "b", synthetic=True)
    assert job_words([job(0, tmp_path / "a")]) == {"leaky": True, "synthetic": False}
    assert job_words([job(1, tmp_path / "b")]) == {"leaky": False, "synthetic": True}
    assert job_words([job(2), job(3, tmp_path / "gone")]) is None

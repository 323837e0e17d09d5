from esc50.sweep.jobs import Job, Sweep, quoted
from esc50.sweep.labels import job_words, search_words


def job(number, folder="", *overrides):
    return Job(number, list(overrides), str(folder), host="", devices=None, started=0.0)


def test_one_leaky_fold_makes_a_jobs_numbers_leaky(tmp_path, make_run):
    make_run(tmp_path / "a" / "fold1", 1)
    make_run(tmp_path / "a" / "fold2", 2, leaky=True)
    make_run(tmp_path / "b", synthetic=True)
    assert job_words([job(0, tmp_path / "a")]) == {"leaky": True, "synthetic": False}
    assert job_words([job(1, tmp_path / "b")]) == {"leaky": False, "synthetic": True}
    assert job_words([job(2), job(3, tmp_path / "gone")]) is None


def test_trials_of_an_earlier_process_are_found_and_those_of_other_searches_are_not(
    tmp_path, make_run
):
    folder, study = make_run(tmp_path / "run", leaky=True), tmp_path / "studies" / "it's a name"
    note = Sweep(tmp_path / "sweeps" / "earlier").note(0)
    note.write(job(0, folder, f"trial.study={quoted(study)}"))
    assert search_words(tmp_path, study) == {"leaky": True, "synthetic": False}
    assert search_words(tmp_path, tmp_path / "studies" / "other") == {}

from esc50.sweep.jobs import Job, Plan
from esc50.sweep.progress import progress_line


def job(number, **known):
    return Job(number, [], "", host="", devices=None, started=0.0, **known)


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
    labelled = progress_line(jobs, Plan(), 40.0, "val/acc", " (LEAKY)")
    assert "best val/acc (LEAKY) 0.5000" in labelled
    assert "0.5000" not in progress_line(jobs, Plan(), 40.0, "val/acc", None)


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

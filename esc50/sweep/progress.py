"""One line on the progress of a sweep, printed whenever it changes."""

import math
import threading
import time
from collections.abc import Sequence

from esc50.config.signature import mode
from esc50.results.labels import label
from esc50.results.numbers import duration
from esc50.sweep.jobs import Job, Plan, Sweep
from esc50.sweep.labels import job_words

INTERVAL = 1.0  # seconds between looks at the jobs' notes


class ProgressPrinter(threading.Thread):
    """Prints the line from a thread of the driver, which reads the jobs' notes once a second."""

    def __init__(self, sweep: Sweep, metric: str):
        """Take the sweep and the name of what its jobs return."""
        super().__init__(daemon=True)
        self.sweep, self.metric = sweep, metric
        self.over = threading.Event()
        self.began = time.time()
        self.printed: list[tuple[int, bool]] | None = None  # what the last line was about

    def run(self) -> None:
        """Look until told to stop."""
        while not self.over.wait(INTERVAL):
            self._look()

    def stop(self) -> None:
        """Look once more, and end."""
        self.over.set()
        self.join()
        self._look()

    def _look(self) -> None:
        jobs = self.sweep.jobs()
        now = [(job.number, job.ended is None) for job in jobs]
        plan = self.sweep.plan()
        if (jobs or plan.earlier) and now != self.printed:
            self.printed = now
            words = job_words(job for job in jobs if job.ended is not None)
            said = None if words is None else label(words)
            print(progress_line(jobs, plan, time.time() - self.began, self.metric, said))


def progress_line(
    jobs: Sequence[Job], plan: Plan, seconds: float, metric: str, said: str | None = ""
) -> str:
    """Count what has ended and what runs, name the best so far, estimate the time left.

    Args:
        jobs: those that have begun in this sweep.
        plan: what was known before; jobs that ended earlier are counted in.
        seconds: since it began.
        metric: name of what its jobs return.
        said: what must stand beside a number of theirs; where that is not known yet (None), as
            before a continued search has made a run of its own, no number is named.
    """
    here = sum(job.ended is not None for job in jobs)
    ended = [*plan.earlier, *(job for job in jobs if job.ended is not None)]
    words = [f"{len(ended)} of {plan.total} done" if plan.total else f"{len(ended)} done"]
    words.append(f"{len(jobs) - here} running")
    for number, word in (
        (sum(job.failed is not None and not job.diverged for job in ended), "failed"),
        (sum(job.diverged for job in ended), "diverged"),
        (sum(job.pruned for job in ended), "pruned"),
    ):
        if number:
            words.append(f"{number} {word}")
    scores = [(j.metric, j.number) for j in ended if j.metric is not None]
    scores = [score for score in scores if math.isfinite(score[0])]
    if scores and said is not None:
        best, number = (min if mode(metric) == "min" else max)(scores, key=lambda score: score[0])
        words.append(f"best {metric}{said} {best:.4f} (job {number})")
    if plan.total and here and len(ended) < plan.total:
        words.append(f"{duration(seconds / here * (plan.total - len(ended)))} left")
    return f"sweep{' continued' if plan.earlier else ''}: {', '.join(words)}"

"""One line that says where a sweep stands, printed whenever it changes."""

import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from esc50.config.signature import mode
from esc50.sweep import jobs
from esc50.sweep.jobs import Job

INTERVAL = 1.0  # seconds between looks at the jobs' notes


class Watch(threading.Thread):
    """Looks at a sweep's jobs from its driver, wherever they run, and prints the line."""

    def __init__(self, sweep: Path, metric: str):
        """Take the sweep's folder and the name of what its jobs return."""
        super().__init__(daemon=True)
        self.sweep, self.metric = sweep, metric
        self.over = threading.Event()
        self.began = time.time()
        self.counts = None

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
        known = jobs.read_jobs(self.sweep)
        counts = [(job.number, job.ended is None) for job in known]
        if known and counts != self.counts:
            self.counts = counts
            print(standing(known, jobs.expected(), time.time() - self.began, self.metric))


def standing(known: Sequence[Job], total: int | None, seconds: float, metric: str) -> str:
    """Say where a sweep stands.

    Args:
        known: its jobs that have begun.
        total: how many it will have, None where that is not known.
        seconds: since it began.
        metric: name of what its jobs return.
    """
    ended = [job for job in known if job.ended is not None]
    words = [f"{len(ended)} of {total} done" if total else f"{len(ended)} done"]
    words.append(f"{len(known) - len(ended)} running")
    for number, word in (
        (sum(job.failed is not None and not job.diverged for job in ended), "failed"),
        (sum(job.diverged for job in ended), "diverged"),
        (sum(job.pruned for job in ended), "pruned"),
    ):
        if number:
            words.append(f"{number} {word}")
    scored = [j for j in ended if j.metric is not None and math.isfinite(j.metric)]
    if scored:
        choose = min if mode(metric) == "min" else max
        best = choose(scored, key=lambda job: job.metric)
        words.append(f"best {metric} {best.metric:.4f} (job {best.number})")
    if total and ended and len(ended) < total:
        left = seconds / len(ended) * (total - len(ended))
        words.append(f"{duration(left)} left")
    return f"sweep: {', '.join(words)}"


def duration(seconds: float) -> str:
    """Write a time in the unit that people would use: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

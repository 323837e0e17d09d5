"""The words that must stand beside the numbers of a sweep's jobs, read from the jobs' results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from esc50.results.labels import flags
from esc50.sweep.jobs import Job


def job_results(job: Job) -> list[dict[str, Any]]:
    """Read the results of a job's run, or of its folds; [] where none is finished."""
    from esc50.results.run_folder import find_results  # loads what --help need not wait for

    folder = Path(job.folder)
    members = [folder, *folder.glob("fold[0-9]*")] if job.folder else []
    return [found for member in members if (found := find_results(member))]


def job_words(jobs: Iterable[Job]) -> dict[str, bool] | None:
    """Say whether numbers of the jobs leak, and whether they are of synthetic sound.

    Returns:
        leaky and synthetic, as `esc50.results.labels` takes them; None where no job has results.
    """
    results = [one for job in jobs for one in job_results(job)]
    if not results:
        return None
    return flags(results)

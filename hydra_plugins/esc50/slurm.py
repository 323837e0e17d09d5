"""Hydra's SLURM launcher, except that a job that SLURM ends does not end the sweep."""

from collections.abc import Sequence
from unittest.mock import patch

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_submitit_launcher import submitit_launcher

from esc50.sweep import jobs
from hydra_plugins.esc50.sweepers import not_a_number


class SlurmLauncher(submitit_launcher.SlurmLauncher):
    """submitit's launcher; a cancelled, killed or overdue job counts as not a number."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit an array of jobs and wait for all of them."""
        import submitit

        asked = iter(range(initial_job_idx, initial_job_idx + len(job_overrides)))
        original = submitit.Job.results

        def results(job: submitit.Job) -> list[JobReturn]:
            number = next(asked)
            try:
                return original(job)
            except Exception as error:
                state = job.state
                why = f"SLURM job {job.job_id} ended as {state}"
                if state == "COMPLETED":
                    # The last line of its traceback; the class before the reason says nothing more.
                    reason = str(error).strip().splitlines()[-1].split("Error: ", 1)[-1]
                    why = f"SLURM job {job.job_id}: {reason}"
                overrides = list(job_overrides[number - initial_job_idx])
                jobs.amend(number, overrides, f"{why}; its log is {job.paths.stderr}")
                return [not_a_number()]

        # The launcher reads the results in a loop that the first bad one would end.
        with patch.object(submitit.Job, "results", results):
            return super().launch(job_overrides, initial_job_idx)

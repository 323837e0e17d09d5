"""Hydra's SLURM launcher, except that a job that SLURM ends does not end the sweep."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, filter_overrides
from hydra_plugins.hydra_submitit_launcher import submitit_launcher
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from omegaconf import OmegaConf

from esc50.sweep.jobs import Sweep
from hydra_plugins.esc50.sweepers import nan_return

if TYPE_CHECKING:
    import submitit

log = logging.getLogger(__name__)

OF_EXECUTOR = ("submitit_folder", "max_num_timeout")  # the others are of the jobs


class SlurmLauncher(submitit_launcher.SlurmLauncher):
    """submitit's launcher; a cancelled, killed or overdue job gives nan."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit an array of jobs and wait for all of them."""
        assert self.config is not None  # for mypy: Hydra's setup has set it
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        numbered = list(enumerate(job_overrides, initial_job_idx))
        for number, overrides in numbered:
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        state = Singleton.get_state()
        # One tuple per job, of what submitit_launcher.SlurmLauncher.__call__ takes.
        arguments = [
            (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", state)
            for number, overrides in numbered
        ]
        submitted = self._executor().map_array(self, *zip(*arguments, strict=True))
        return [self._wait(job, *known) for job, known in zip(submitted, numbered, strict=True)]

    def _executor(self) -> "submitit.AutoExecutor":
        import submitit

        executor = submitit.AutoExecutor(
            folder=self.params["submitit_folder"],
            cluster="slurm",
            slurm_max_num_timeout=self.params["max_num_timeout"],
        )
        common = OmegaConf.structured(BaseQueueConf).keys()  # submitit's words for any cluster
        settings = {key: value for key, value in self.params.items() if key not in OF_EXECUTOR}
        executor.update_parameters(
            **{key if key in common else f"slurm_{key}": v for key, v in settings.items()}
        )
        return executor

    def _wait(
        self, job: "submitit.Job[JobReturn]", number: int, overrides: Sequence[str]
    ) -> JobReturn:
        assert self.config is not None  # for mypy
        try:
            return job.results()[0]
        except Exception as error:  # submitit raises what the job raised, and errors of its own
            state = job.state
            why = f"SLURM job {job.job_id} ended as {state}"
            if state == "COMPLETED":
                # The last line of its traceback; the class before the reason says nothing more.
                reason = str(error).strip().splitlines()[-1].split("Error: ", 1)[-1]
                why = f"SLURM job {job.job_id}: {reason}"
            why = f"{why}; its log is {job.paths.stderr}"
            Sweep.find(self.config.hydra).mark_lost(number, overrides, why)
            return nan_return()

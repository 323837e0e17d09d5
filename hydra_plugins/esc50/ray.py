"""Hydra's Ray launcher, except that a job that Ray loses does not end the sweep."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, filter_overrides, setup_globals
from hydra_plugins.hydra_ray_launcher import ray_launcher
from omegaconf import open_dict

from esc50.sweep.jobs import Sweep
from hydra_plugins.esc50.sweepers import nan_return

log = logging.getLogger(__name__)


class RayLauncher(ray_launcher.RayLauncher):
    """Ray's launcher; a job whose worker or node is lost gives nan."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Hand jobs to Ray and wait for all of them."""
        from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray  # Ray loads here

        setup_globals()
        assert self.config is not None  # for mypy: Hydra's setup has set it
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        start_ray(self.ray_cfg.init)
        numbered = list(enumerate(job_overrides, initial_job_idx))
        runs = [self._submit(number, overrides) for number, overrides in numbered]
        return [self._wait(run, *job) for run, job in zip(runs, numbered, strict=True)]

    def _submit(self, number: int, overrides: Sequence[str]) -> Any:
        from hydra_plugins.hydra_ray_launcher._launcher_util import launch_job_on_ray

        assert self.config is not None and self.hydra_context is not None  # for mypy
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = f"job_id_for_{number}"
            config.hydra.job.num = number
        return launch_job_on_ray(
            self.hydra_context,
            self.ray_cfg.remote,
            config,
            self.task_function,
            Singleton.get_state(),
        )

    def _wait(self, run: Any, number: int, overrides: Sequence[str]) -> JobReturn:
        import ray

        assert self.config is not None  # for mypy
        try:
            return ray.get(run)
        except ray.exceptions.RayError as error:
            why = f"Ray lost it: {type(error).__name__}"
            Sweep.find(self.config.hydra).mark_lost(number, overrides, why)
            return nan_return()

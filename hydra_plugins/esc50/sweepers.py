"""Hydra sweepers: a grid, and a search by Optuna that outlives its process."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from esc50.errors import UserError
from esc50.sweep import jobs

log = logging.getLogger(__name__)


class Steadfast:
    """A launcher whose breakdown is said in a sentence, and leaves the sweep to its summary."""

    def __init__(self, launcher: Launcher):
        """Wrap a launcher that has been set up."""
        self.launcher = launcher

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Launch jobs; where that breaks down, every one of them counts as not a number."""
        try:
            returns = self.launcher.launch(job_overrides, initial_job_idx=initial_job_idx)
        except HydraException:
            raise
        except Exception as error:
            name = type(self.launcher).__name__
            reason = f"{type(error).__name__}: {str(error).strip() or 'no reason given'}"
            log.error("the launcher (%s) broke down: %s", name, reason)
            return [not_a_number() for _ in job_overrides]
        # Hydra raises a failed job's error when its result is looked at.
        return [r if r.status == JobStatus.COMPLETED else not_a_number() for r in returns]


def not_a_number() -> JobReturn:
    """Make what stands for a job that gave no result."""
    return JobReturn(status=JobStatus.COMPLETED, _return_value=float("nan"))


class Grid(BasicSweeper):
    """Hydra's own sweeper over all combinations, but a launcher's breakdown is survived."""

    def setup(self, **context: Any) -> None:
        """Set up the launcher."""
        super().setup(**context)
        self.launcher = Steadfast(self.launcher)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose all configs of a batch before the first of its jobs begins."""
        jobs.expect(sum(map(len, self.overrides)))
        super().validate_batch_is_legal(batch)


class Search(Sweeper):
    """Search by Optuna, the study kept in a file and continued by the same command.

    Args: see conf/hydra/sweeper/optuna.yaml.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        seed: int,
        sampler: DictConfig,
        pruner: DictConfig,
        params: DictConfig | None,
        study: str | None,
        trial: int | None,
    ):
        """Take the config's choices."""
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed
        self.sampler, self.pruner = sampler, pruner
        self.params = dict(params or {})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Set up the launcher."""
        self.hydra_context, self.config = hydra_context, config
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.launcher = Steadfast(launcher)

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until `n_trials` have ended, those of earlier processes counted in."""
        try:
            self._search(arguments)
        except UserError as refusal:
            sys.exit(f"error: {refusal}")

    def _search(self, arguments: list[str]) -> None:
        try:
            from esc50.sweep.study import Study  # Optuna loads here
        except ModuleNotFoundError as error:
            raise UserError(f"a search needs {error.name}: pip install -e '.[sweep]'") from None

        # What the command line says of a parameter replaces what the recipe says.
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([f"{k}={v}" for k, v in self.params.items()])
        overrides += parser.parse_overrides(arguments)
        chosen: dict[str, Override] = {o.get_key_element(): o for o in overrides}
        space = {key: o for key, o in chosen.items() if o.is_sweep_override()}
        fixed = [
            f"{key}={o.get_value_element_as_str()}" for key, o in chosen.items() if key not in space
        ]
        cfg = self.hydra_context.config_loader.load_sweep_config(self.config, fixed)
        settings = {
            name: OmegaConf.to_container(section, resolve=True)
            for name, section in (("sampler", self.sampler), ("pruner", self.pruner))
        }
        study = Study(cfg, space, self.seed, **settings)
        with study.sole_driver():
            jobs.expect(self.n_trials - study.count())
            while trials := study.ask(min(self.n_jobs, self.n_trials - study.count())):
                batch = [
                    [
                        *fixed,
                        *study.overrides(trial),
                        f"hydra.sweeper.study={study.folder}",
                        f"hydra.sweeper.trial={trial.number}",
                    ]
                    for trial in trials
                ]
                returns = self.launcher.launch(batch, initial_job_idx=trials[0].number)
                # A trial that diverged is a result: it is not tried again.
                failed = {job.number: job.failed for job in jobs.driven() if not job.diverged}
                for trial, returned in zip(trials, returns, strict=True):
                    study.tell(trial, returned.return_value, failed.get(trial.number))
            study.report(fixed)

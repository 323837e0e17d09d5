"""Hydra sweepers: a grid, and a search by Optuna that outlives its process."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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

from esc50.errors import Stopped, UserError
from esc50.sweep.disk import announce, one_per_folder
from esc50.sweep.jobs import Plan, Sweep, quoted

if TYPE_CHECKING:
    import optuna

    from esc50.sweep.search.study import Study

log = logging.getLogger(__name__)


class FaultTolerantLauncher(Launcher):
    """Wraps a launcher: jobs that it loses, one or all of them, are noted and give nan."""

    def __init__(self, launcher: Launcher, sweep: Sweep):
        """Take a launcher that has been set up, and the sweep whose jobs it launches."""
        self.launcher, self.sweep = launcher, sweep

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Set up the wrapped launcher."""
        self.launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Launch jobs and wait for them; no error of theirs or of the launcher gets out."""
        try:
            returns = self.launcher.launch(job_overrides, initial_job_idx=initial_job_idx)
        except HydraException:
            raise
        except Stopped as stopped:
            stopped.remedy = "the same command does what is missing of the sweep"
            raise
        except Exception as error:
            log.error("the launcher (%s) broke down", type(self.launcher).__name__)
            returns = [JobReturn(status=JobStatus.FAILED, _return_value=error)] * len(job_overrides)
        kept = []
        jobs = zip(returns, job_overrides, strict=True)
        for number, (returned, overrides) in enumerate(jobs, initial_job_idx):
            if returned.status != JobStatus.COMPLETED:
                why = returned._return_value  # Hydra raises it when `return_value` is asked for
                reason = str(why).strip() or "no reason given"
                self.sweep.mark_lost(number, overrides, f"{type(why).__name__}: {reason}")
                returned = nan_return()
            kept.append(returned)
        return kept


def nan_return() -> JobReturn:
    """Make the return value of a job that gave no result: nan."""
    return JobReturn(status=JobStatus.COMPLETED, _return_value=float("nan"))


class Grid(BasicSweeper):
    """Sweeps over all combinations, as Hydra's own sweeper does, with a fault-tolerant launcher."""

    def setup(self, **context: Any) -> None:
        """Set up the launcher."""
        super().setup(**context)
        assert self.launcher is not None and self.config is not None  # for mypy
        self.launcher = FaultTolerantLauncher(self.launcher, Sweep.find(self.config.hydra))

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose all configs of a batch before the first of its jobs begins.

        Then say how much disk they will take.
        """
        assert self.config is not None and self.overrides is not None  # for mypy
        assert self.hydra_context is not None
        total = sum(len(batch) for batch in self.overrides)
        Sweep.find(self.config.hydra).set_plan(Plan(total))
        compose = self.hydra_context.config_loader.load_sweep_config
        jobs = [compose(self.config, list(overrides)) for overrides in batch]
        announce(one_per_folder(jobs))


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
    ):
        """Take the config's choices."""
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed
        self.sampler, self.pruner = sampler, pruner
        self.params = {str(key): value for key, value in (params or {}).items()}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Set up the launcher."""
        self.master, self.config_loader = config, hydra_context.config_loader
        self.sweep_notes = Sweep.find(config.hydra)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.tolerant = FaultTolerantLauncher(launcher, self.sweep_notes)

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until `n_trials` have ended, those of earlier processes counted in."""
        try:
            self._search(arguments)
        except UserError as error:
            sys.exit(f"error: {error}")

    def _search(self, arguments: list[str]) -> None:
        try:
            from esc50.sweep.search.study import SearchSettings, Study  # Optuna loads here
            from esc50.sweep.search.study_report import write_report
        except ModuleNotFoundError as error:
            raise UserError(f"a search needs {error.name}: pip install -e '.[sweep]'") from None

        counts = {"n_trials": self.n_trials, "n_jobs": self.n_jobs, "seed": self.seed}
        SearchSettings.parse("hydra.sweeper", counts)
        space, fixed = self._space(arguments)
        cfg = self.config_loader.load_sweep_config(self.master, fixed)
        study = Study(cfg, space, self.seed, _plain(self.sampler), _plain(self.pruner))
        with study.sole_driver():
            self.sweep_notes.set_plan(Plan(self.n_trials, earlier=study.ended_jobs()))
            announce([cfg] * (self.n_trials - study.count()), self.n_jobs, trials=True)
            while trials := study.ask(min(self.n_jobs, self.n_trials - study.count())):
                self._run(study, trials, fixed)
            write_report(study.study, cfg, study.folder, fixed)

    def _space(self, arguments: list[str]) -> tuple[dict[str, Override], list[str]]:
        """The settings that vary, and the overrides that all trials share."""
        # What the command line says of a parameter replaces what the recipe says.
        parser = OverridesParser.create(config_loader=self.config_loader)
        overrides = parser.parse_overrides([f"{k}={v}" for k, v in self.params.items()])
        overrides += parser.parse_overrides(arguments)
        chosen = {override.get_key_element(): override for override in overrides}
        space = {key: o for key, o in chosen.items() if o.is_sweep_override()}
        fixed = [
            f"{key}={o.get_value_element_as_str()}" for key, o in chosen.items() if key not in space
        ]
        return space, fixed

    def _run(self, study: "Study", trials: "list[optuna.Trial]", fixed: list[str]) -> None:
        """Run a batch of trials, and tell the study how each ended.

        Raises:
            UserError: one trained without validation, as all the others would.
        """
        from esc50.sweep.search.study import unvalidated

        folder = f"trial.study={quoted(study.folder)}"
        batch = [
            [*fixed, *study.overrides(trial), folder, f"trial.number={trial.number}"]
            for trial in trials
        ]
        returns = self.tolerant.launch(batch, initial_job_idx=trials[0].number)
        jobs = self.sweep_notes.ended_jobs()
        # A trial that diverged is a result: it is not tried again.
        failed = {job.number: job.failed for job in jobs if not job.diverged}
        for trial, returned in zip(trials, returns, strict=True):
            study.tell(trial, returned.return_value, failed.get(trial.number))
        if any(returned.return_value is None for returned in returns):
            raise UserError(unvalidated(study.cfg))


def _plain(section: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(section, resolve=True)
    return {str(key): value for key, value in dict(plain).items()}  # type: ignore[arg-type]

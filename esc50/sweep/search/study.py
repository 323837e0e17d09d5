"""The Optuna study of a search, in a file that survives the process that drives it."""

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import optuna
from filelock import Timeout
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState
from pydantic import Field

from esc50.atomic import file_lock
from esc50.config.schema.sections import FromOne
from esc50.config.schema.settings import Settings
from esc50.config.signature import mode, signature
from esc50.config.validation import check_monitor
from esc50.errors import UserError
from esc50.sweep.jobs import Job
from esc50.training.pruning import PRUNED, live_trial, mend_journal, open_journal

FAILED, AGAIN = "failed", "again"  # marks on trials: why, and instead of which


class SearchSettings(Settings):
    """The numbers of conf/hydra/sweeper/optuna.yaml."""

    n_trials: FromOne
    n_jobs: FromOne
    seed: Annotated[int, Field(ge=0, le=10**9)]  # each trial adds to it; NumPy takes 32 bits


class Study:
    """Trials of one search: of one config, one space, one sampler.

    A trial whose process died or failed is marked, and the next time the search is driven its
    settings are tried again, which finds a run that had ended and goes on with one that was cut
    off. One that diverged is not: that is a result.
    """

    def __init__(
        self,
        cfg: DictConfig,
        space: Mapping[str, Override],
        seed: int,
        sampler: dict[str, Any],
        pruner: dict[str, Any],
    ):
        """Check what is to be searched, and name the study's folder.

        Args:
            cfg: the config that all trials share; its `monitor` is the objective.
            space: the settings that vary, as Hydra sweep overrides.
            seed: of the sampler.
            sampler: `_target_` and arguments.
            pruner: the same.

        Raises:
            UserError: there is nothing to vary, or no validation metric to optimise.
        """
        self.cfg, self.seed = cfg, seed
        self.sampler = sampler
        self.failed_now: set[int] = set()  # trials that this process saw fail
        _check_objective(cfg)
        if not space:
            raise UserError(
                "the search has no settings to vary: give one, such as "
                "'optimizer.lr=tag(log, interval(1e-4, 1e-2))', or hydra.sweeper.params"
            )
        self.space = {key: _distribution(override) for key, override in space.items()}
        shown = {key: str(d) for key, d in self.space.items()}
        identity = [signature(cfg), cfg.seed, cfg.split.fold, shown, seed, sampler, pruner]
        digest = hashlib.blake2b(json.dumps(identity, default=str).encode(), digest_size=5)
        self.folder = (
            Path(cfg.output_dir).absolute() / "studies" / f"{cfg.name}-{digest.hexdigest()}"
        )
        self._pruner = pruner

    @contextmanager
    def sole_driver(self) -> Iterator[None]:
        """Keep other processes from driving the study, and tidy up what a killed one left.

        Raises:
            UserError: another process drives this search.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with file_lock(self.folder / ".lock", timeout=0):
                self._open()
                self._retire()
                yield
        except Timeout:
            raise UserError(
                f"another process drives this very search, in {self.folder}: wait for it"
            ) from None

    def count(self) -> int:
        """Count the trials that have ended, but of those that failed only this process's."""
        return len(self._ended())

    def ended_jobs(self) -> list[Job]:
        """The trials that `count` counts, as a sweep's progress shows them."""
        return [_as_job(trial, self.overrides(trial)) for trial in self._ended()]

    def ask(self, n: int) -> list[optuna.Trial]:
        """Choose the next trials; [] when `n` is not positive."""
        return [self._ask() for _ in range(n)]

    def overrides(self, trial: optuna.Trial | FrozenTrial) -> list[str]:
        """The settings of a trial, as Hydra overrides."""
        return [f"{key}={value}" for key, value in trial.params.items()]

    def tell(self, trial: optuna.Trial, value: float | None, failed: str | None) -> None:
        """Enter how a trial ended.

        Args:
            trial: one that was asked for.
            value: its metric; nan when it diverged, None when nothing was validated.
            failed: why its job failed, None when it did not.
        """
        failed = failed or (unvalidated(self.cfg) if value is None else None)
        if PRUNED in self.study.trials[trial.number].user_attrs:
            self.study.tell(trial, state=TrialState.PRUNED)
        elif failed:
            self.failed_now.add(trial.number)
            trial.set_user_attr(FAILED, failed)
            self.study.tell(trial, state=TrialState.FAIL)
        elif value is None or not math.isfinite(value):
            self.study.tell(trial, state=TrialState.FAIL)  # it diverged
        else:
            self.study.tell(trial, value)

    def _ended(self) -> list[FrozenTrial]:
        return [
            trial
            for trial in self.study.trials
            if trial.state.is_finished()
            and (FAILED not in trial.user_attrs or trial.number in self.failed_now)
        ]

    def _open(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        mend_journal(self.folder)
        self.study = optuna.create_study(
            storage=open_journal(self.folder),
            study_name=self.cfg.name,
            direction="minimize" if mode(self.cfg.monitor) == "min" else "maximize",
            pruner=instantiate(self._pruner),
            load_if_exists=True,
        )
        self.study.set_user_attr("pruner", self._pruner)  # a trial's own process asks it

    def _retire(self) -> None:
        for frozen in self.study.get_trials(states=[TrialState.RUNNING]):
            if PRUNED in frozen.user_attrs:
                self.study.tell(frozen.number, state=TrialState.PRUNED)
            else:
                live_trial(self.study, frozen).set_user_attr(FAILED, "the search was killed")
                self.study.tell(frozen.number, state=TrialState.FAIL)
        trials = self.study.trials
        repeated = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in trials:
            if FAILED in trial.user_attrs and trial.number not in repeated:
                self.study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})

    def _ask(self) -> optuna.Trial:
        # A sampler of its own for every trial: a search that was cut off chooses what it would
        # have chosen unbroken, and never the same random trials twice.
        drawn = sum(AGAIN not in trial.user_attrs for trial in self.study.trials)
        self.study.sampler = instantiate(self.sampler, seed=self.seed + drawn)
        return self.study.ask(self.space)


def _as_job(trial: FrozenTrial, overrides: list[str]) -> Job:
    started, ended = trial.datetime_start, trial.datetime_complete
    return Job(
        trial.number,
        overrides,
        folder="",
        host="",
        devices=None,
        started=started.timestamp() if started else 0.0,
        ended=ended.timestamp() if ended else 0.0,
        metric=trial.value if trial.state == TrialState.COMPLETE else None,
        pruned=trial.state == TrialState.PRUNED,
        diverged=trial.state == TrialState.FAIL and FAILED not in trial.user_attrs,
    )


def _check_objective(cfg: DictConfig) -> None:
    check_monitor(cfg.monitor)
    if cfg.split.protocol == "literature":
        raise UserError(unvalidated(cfg))


def unvalidated(cfg: DictConfig) -> str:
    """Say in a sentence that a search of this config has no validation clips to go by."""
    return (
        f"split={cfg.split.protocol} has no validation clips, so a search has nothing to "
        "optimise: search under a split that has some, such as split=official"
    )


def _distribution(override: Override) -> BaseDistribution:
    key, sweep = override.key_or_group, override.value()
    if isinstance(sweep, IntervalSweep):
        return _interval(key, sweep)
    if isinstance(sweep, RangeSweep):
        values = list(sweep.range()) if sweep.step else []
        if not values:
            raise UserError(f"{key}: the range is empty")
        if all(isinstance(value, int) for value in values):
            return IntDistribution(min(values), max(values), step=abs(int(sweep.step)))
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def _interval(key: str, sweep: IntervalSweep) -> BaseDistribution:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None and high is not None  # for mypy: the parser has both
    text = f"{key}: interval({low}, {high})"
    if not -math.inf < low <= high < math.inf:
        raise UserError(f"{text} is invalid: it takes two finite numbers, the lower one first")
    if log and low <= 0:
        raise UserError(
            f"{text} has no logarithm at its lower end: raise that above 0, or leave out tag(log, )"
        )
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)

"""The trials of a search as rows of a table: how each ended, and what it had set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial, TrialState

from esc50.results.display.tables import Table
from esc50.sweep.jobs import Job
from esc50.sweep.search.study import AGAIN, FAILED

STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Trials:
    """The trials of a study.

    Attributes:
        study: with its trials.
        steps: what a trial reports its value after, "epoch" or "fold".
        jobs: the jobs that ran them, by the trial's number, as far as they are known.
    """

    study: optuna.Study
    steps: str = "epoch"
    jobs: Mapping[int, Job] = field(default_factory=dict)

    def ranked(self) -> list[FrozenTrial]:
        """List the finished trials, best first, and then the others."""
        sign = 1 if self.study.direction == optuna.study.StudyDirection.MINIMIZE else -1
        done = [t for t in self.study.trials if t.state == TrialState.COMPLETE]
        others = [t for t in self.study.trials if t.state != TrialState.COMPLETE]
        return sorted(done, key=lambda trial: sign * trial.values[0]) + others

    def state(self, trial: FrozenTrial) -> str:
        """Say in a word how a trial ended."""
        if trial.state == TrialState.FAIL and FAILED not in trial.user_attrs:
            return "diverged"
        return STATES[trial.state]

    def ending(self, trial: FrozenTrial) -> str:
        """Say why a trial gave no number; "" of one that did."""
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            last = max(trial.intermediate_values)
            return f"after {self.steps} {last + 1}, at {trial.intermediate_values[last]:.4g}"
        if trial.state != TrialState.FAIL:
            return ""
        noted = self.jobs.get(trial.number)
        why = trial.user_attrs.get(FAILED) or (noted and noted.failed) or "its loss is no number"
        again = [t.number for t in self.study.trials if t.user_attrs.get(AGAIN) == trial.number]
        return f"{why}; tried again as trial {again[0]}" if again else str(why)

    def table(self, metric: str, *, endings: bool = False) -> Table:
        """Write all trials, the best first, with the columns of trials.csv.

        Args:
            metric: what the values are called.
            endings: whether a column says why a trial gave no number.
        """
        trials = self.ranked()
        keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
        names = [key.split(".")[-1] for key in keys]  # what fits a terminal, unless two are alike
        fixed = ["trial", "state", metric, "seconds"]
        if len({*fixed, *names}) < len(fixed) + len(names):
            names = keys
        ends = ["why it ended"] if endings else []
        table = Table("", [*fixed[:2], *ends, metric, *names, "seconds"], n_names=0)
        for trial in trials:
            value = "" if trial.state != TrialState.COMPLETE else f"{trial.value:.4f}"
            shown = [short(trial.params.get(key, "")) for key in keys]
            took = "" if trial.duration is None else f"{trial.duration.total_seconds():.0f}"
            said = [self.ending(trial)] if endings else []
            table.rows.append([str(trial.number), self.state(trial), *said, value, *shown, took])
        return table


def short(value: object) -> str:
    """Write a setting with four digits, which tell trials apart."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)

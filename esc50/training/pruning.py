"""A trial of a search reports its metric as it goes, and ends early where its pruner says so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from esc50.errors import UserError

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

PRUNED = "pruned"  # mark on a trial: the step, from 0, after which it was ended
JOURNAL = "study.journal"


class TrialPruned(Exception):  # noqa: N818  (it is no error)
    """The search's pruner has ended this trial; it has no result."""


def report(trial: Mapping[str, Any], value: float, step: int) -> None:
    """Report a metric to the search, if this run is a trial of one.

    Args:
        trial: the config's section of that name: the study's folder and the trial's number, both
            None outside a search.
        value: the monitored metric.
        step: how many epochs (with split.fold=all: folds) were done before the one it is of.

    Raises:
        TrialPruned: the search's pruner ends the trial.
    """
    if trial["study"] is None:
        return
    if report_and_should_prune(Path(trial["study"]), trial["number"], value, step):
        raise TrialPruned(f"pruned after step {step + 1}, at {value:.4f}")


def report_and_should_prune(folder: Path, number: int, value: float, step: int) -> bool:
    """Enter a running trial's metric into its study, from the trial's own process.

    Args:
        folder: the study's.
        number: the trial's.
        value: the monitored metric.
        step: see `report`.

    Returns:
        Whether the pruner ends the trial; it is then marked.
    """
    import optuna  # an extra
    from hydra.utils import instantiate

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name=None, storage=open_journal(folder))
    study.pruner = instantiate(study.user_attrs["pruner"])
    trial = live_trial(study, study.trials[number])
    trial.report(value, step)
    if trial.should_prune():
        trial.set_user_attr(PRUNED, step)
        return True
    return False


def open_journal(folder: Path) -> "optuna.storages.JournalStorage":
    """Open the file that holds a study."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    # A file appended to under a lock works on network disks too, where SQLite does not.
    return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))


def mend_journal(folder: Path) -> None:
    """Cut off a last line that a killed process left half-written; the next would be joined to it.

    For the one process that drives the study, before any trial of it runs.

    Raises:
        UserError: another line is none that a search wrote.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("rb+") as file:
            file.truncate(whole)
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not (isinstance(entry, dict) and "op_code" in entry):
            raise UserError(
                f"line {number} of {path} is damaged: move the file away, and the same command "
                "begins the search anew, in which it finds the runs of trials that it tries again"
            )


def live_trial(study: "optuna.Study", frozen: "FrozenTrial") -> "optuna.Trial":
    """Open a trial for reports and marks by its record, which is read-only."""
    import optuna

    return optuna.Trial(study, frozen._trial_id)


class ReportToSearch(pl.Callback):
    """Reports the monitored metric after every validation; idle outside a search."""

    def __init__(self, monitor: str, trial: Mapping[str, Any]):
        """Take the metric's name, and which trial this run is (see `report`)."""
        self.monitor, self.trial = monitor, trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Report this epoch's value."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            value = float(trainer.callback_metrics[self.monitor])
            report(self.trial, value, trainer.current_epoch)

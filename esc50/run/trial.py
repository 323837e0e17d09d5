"""A trial of a search tells it where it stands, and is given up when that is hopeless."""

import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class GivenUp(Exception):  # noqa: N818  (it is no error)
    """The search gave this trial up; it has no result."""


def report(value: float, step: int) -> None:
    """Tell the search, if this process is a trial of one, where the trial stands.

    Args:
        value: the monitored metric.
        step: the epoch (with split.fold=all: the fold) it was measured at.

    Raises:
        GivenUp: the search's pruner finds the trial hopeless.
    """
    study = os.environ.get("ESC50_STUDY")
    if not study:
        return
    from esc50.run.study import hopeless  # Optuna is an extra

    if hopeless(Path(study), int(os.environ["ESC50_TRIAL"]), value, step):
        raise GivenUp(f"given up after step {step}, at {value:.4f}")


class ReportToSearch(pl.Callback):
    """Reports the monitored metric after every validation; idle outside a search."""

    def __init__(self, monitor: str):
        """Take the metric's name."""
        self.monitor = monitor

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Report this epoch's value."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            report(float(trainer.callback_metrics[self.monitor]), trainer.current_epoch)

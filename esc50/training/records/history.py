"""What every epoch measured, as history.csv in the run's folder."""

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from esc50.atomic import atomic_write

FIRST = ("epoch", "train/loss", "train/acc", "val/loss", "val/acc")  # columns that come first


class History(pl.Callback):
    """Writes history.csv anew after every epoch: a row an epoch, a column a metric.

    The rows are in last.ckpt too, and a run that goes on from one begins with those. So the file
    holds each epoch once, however often a run was cut off.
    """

    def __init__(self, folder: Path):
        """Write into the run's folder."""
        self.path, self.rows = folder / "history.csv", list[dict[str, float]]()
        self.rate: dict[str, float] = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Note the learning rate, which the scheduler will have changed by the epoch's end."""
        groups = trainer.optimizers[0].param_groups  # none, where nothing is learnt by steps
        self.rate = {"learning_rate": groups[0]["lr"]} if groups else {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write, from the process that leads a run; what checkpoints keep comes after this."""
        measured = dict(sorted(pl_module.epoch_metrics().items()))
        if (speed := trainer.callback_metrics.get("clips_per_second")) is not None:
            measured = {"clips_per_second": speed.item(), **measured}
        row = {"epoch": trainer.current_epoch + 1, **measured, **self.rate}
        self.rows.append(row)
        if trainer.is_global_zero:
            write_history(self.path, self.rows)

    def state_dict(self) -> dict[str, Any]:
        """Keep the rows in the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Begin with the rows of a run that was cut off."""
        self.rows = list(state_dict["rows"])


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the epochs so far, whole or not at all; what an epoch lacks stays empty."""
    columns = dict.fromkeys((*FIRST, *(key for row in rows for key in row)))
    used = [key for key in columns if any(key in row for row in rows)]
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, used, restval="")
        writer.writeheader()
        writer.writerows(rows)

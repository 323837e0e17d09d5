"""Callbacks that note the time of day, in seconds, at which a run got somewhere."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class FirstStep(pl.Callback):
    """Writes when the first training step was done."""

    def __init__(self, path: str):
        """Take the file."""
        self.path = Path(path)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Note the first."""
        if not self.path.exists():
            self.path.write_text(str(time.time()))


class EpochEnds(pl.Callback):
    """Writes one line per epoch: when it was validated, and the validation accuracy."""

    def __init__(self, path: str):
        """Take the file."""
        self.path = Path(path)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Note this epoch, which has been validated by now."""
        with self.path.open("a") as file:
            file.write(f"{time.time()} {float(trainer.callback_metrics['val/acc'])}\n")

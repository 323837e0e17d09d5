"""How far training is: a bar on a terminal, one line per epoch in a log."""

import sys
import time
from typing import Any

import pytorch_lightning as pl

from esc50.results.numbers import duration

SHOWN = ("train/loss", "train/acc", "val/loss", "val/acc")


def make_progress(leave: bool = False) -> pl.Callback:
    """Make the callback that fits where the output goes.

    Args:
        leave: on a terminal, keep the bar of every epoch on the screen.
    """
    if sys.stdout.isatty():
        return pl.callbacks.RichProgressBar(leave=leave)
    return EpochLines()


class EpochLines(pl.Callback):
    """Prints one line per epoch: losses, accuracies, clips per second, time left."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock; a run that goes on has fewer epochs ahead."""
        self.started, self.first = time.monotonic(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Print, from the process that leads a run."""
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        words = [f"{key} {metrics[key]:.4f}" for key in SHOWN if key in metrics]
        if "clips_per_second" in metrics:
            words.append(f"{metrics['clips_per_second']:.0f} clips/s")
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 0
        each = (time.monotonic() - self.started) / (done - self.first)
        if total > done and not trainer.should_stop:
            words.append(f"{duration(each * (total - done))} left")
        print(f"epoch {done}/{total}: {', '.join(words)}", flush=True)

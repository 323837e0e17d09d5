"""How far training is: one line per epoch, and on a terminal a bar within it."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytorch_lightning as pl

from esc50.data.progress_bar import progress_bar
from esc50.results.numbers import duration

SHOWN = ("train/loss", "train/acc", "val/loss", "val/acc")


class Progress(pl.Callback):
    """Prints a line per epoch: losses, accuracies, clips per second, time left.

    On a terminal a bar counts the batches meanwhile, and goes when they are done.
    """

    def __init__(self, lines: bool = True):
        """Take whether each epoch leaves its line."""
        self.lines = lines
        self.bar = ExitStack()  # holds the bar while there is one
        self.advance: Callable[[], None] | None = None
        self.first: int | None = None  # epoch that this process began with

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock, and the bar; a run that goes on has fewer epochs ahead."""
        if self.first is None:
            self.started, self.first = time.monotonic(), trainer.current_epoch
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self._begin(trainer, epoch, trainer.num_training_batches)

    def on_train_batch_end(self, *_: Any) -> None:
        """Count."""
        self._count()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Print, from the process that leads a run."""
        self._end()
        if not trainer.is_global_zero or not self.lines:
            return
        metrics = pl_module.epoch_metrics()
        words = [f"{key} {metrics[key]:.4f}" for key in SHOWN if key in metrics]
        if (speed := trainer.callback_metrics.get("clips_per_second")) is not None:
            words.append(f"{speed:.0f} clips/s")
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 0
        each = (time.monotonic() - self.started) / (done - (self.first or 0))
        if total > done and not trainer.should_stop:
            words.append(f"{duration(each * (total - done))} left")
        print(f"epoch {done}/{total}: {', '.join(words)}", flush=True)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin a bar."""
        self._begin(trainer, "validation", sum(trainer.num_val_batches))

    def on_validation_batch_end(self, *_: Any) -> None:
        """Count."""
        self._count()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """End the bar."""
        self._end()

    def on_test_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin a bar."""
        self._begin(trainer, "test", sum(trainer.num_test_batches))

    def on_test_batch_end(self, *_: Any) -> None:
        """Count."""
        self._count()

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """End the bar."""
        self._end()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """End the bar."""
        self._end()

    def _begin(self, trainer: pl.Trainer, what: str, batches: int | float) -> None:
        self._end()
        if trainer.is_global_zero and sys.stdout.isatty():
            bar = progress_bar(what, int(batches), transient=True)
            self.advance = self.bar.enter_context(bar)

    def _count(self) -> None:
        if self.advance:
            self.advance()

    def _end(self) -> None:
        self.bar.close()
        self.advance = None

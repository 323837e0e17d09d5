"""Lightning callbacks: keep checkpoints, average weights, stop early, measure speed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from esc50.errors import CheckpointError, DivergenceError


class EarlyStopping(pl.callbacks.EarlyStopping):
    """Lightning's, which also remembers across a restart that it had already stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop at once when the checkpoint was written by the epoch that ended the run."""
        if self.wait_count >= max(self.patience, 1):  # a patience of 0 stops after one, too
            trainer.should_stop = True


class EpochSeed(pl.Callback):
    """Seeds torch anew for each epoch: a run that goes on drops what one in one piece would."""

    def __init__(self, seed: int) -> None:
        """Take the run's seed."""
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: dict, batch_idx: int
    ) -> None:
        """Seed it by the run's seed, the epoch, and which of several processes this is."""
        if batch_idx == 0:  # the epoch's start is too early: the loader draws after it, or before
            entropy = [self.seed, trainer.current_epoch, trainer.global_rank]
            torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))


def model_checkpoints(trainer: pl.Trainer) -> list[pl.callbacks.ModelCheckpoint]:
    """The callbacks of a trainer that keep checkpoints."""
    return [c for c in trainer.checkpoint_callbacks if isinstance(c, pl.callbacks.ModelCheckpoint)]


class DivergenceCheck(pl.Callback):
    """Ends a run whose loss or weights are no longer numbers, before they are kept or tested."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Look at the loss; on a GPU now and then, since every look waits for it."""
        every = 10 if pl_module.device.type == "cuda" else 1
        if batch_idx % every == 0 and not outputs["loss"].isfinite():
            self._stop(trainer, pl_module, f"the loss is {outputs['loss'].item()}")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look at what validation measured."""
        for key, value in trainer.callback_metrics.items():
            if key.startswith("val/") and not value.isfinite():
                self._stop(trainer, pl_module, f"{key} is {value.item()}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look at all that a checkpoint would hold."""
        for name, numbers in pl_module.state_dict().items():
            if not numbers.isfinite().all():
                self._stop(trainer, pl_module, f"{name} holds values that are not finite")

    def _stop(self, trainer: pl.Trainer, pl_module: Any, what: str) -> None:
        group = trainer.optimizers[0].param_groups[0]
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norm = f"{torch.nn.utils.get_total_norm(gradients).item():g}" if gradients else "unknown"
        kept = next((keeper.best_model_path for keeper in model_checkpoints(trainer)), "")
        raise DivergenceError(
            f"training diverged in epoch {trainer.current_epoch + 1}, step {trainer.global_step}: "
            f"{what}, the learning rate {group['lr']:g}, the gradient norm {norm}: lower "
            "optimizer.lr or set trainer.gradient_clip_val"
            + (f" (the last good checkpoint is {kept})" if kept else "")
        )


class MovableCheckpoint(pl.callbacks.ModelCheckpoint):
    """Keeps checkpoints, and knows how good they are also where the run's folder has been moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best score so far, with the paths as they are here.

        Lightning forgets the score where the folder has another name than when it was written, and
        then puts a worse epoch in the place of the best.

        Raises:
            CheckpointError: the best epoch so far is not beside the checkpoint that speaks of it.
        """

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        state = {**state_dict, "dirpath": self.dirpath}
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = here(state[key])
        state["best_k_models"] = {here(p): score for p, score in state["best_k_models"].items()}
        if Path(state["best_model_path"]).is_file():
            super().load_state_dict(state)
        elif self.monitor is not None and state["best_model_path"]:
            raise CheckpointError(
                f"{state['best_model_path']}, the best epoch so far, is missing: without it a "
                "worse one would be tested"
            )


class LastCheckpoint(MovableCheckpoint):
    """Keeps last.ckpt, from which a stopped run goes on, without slowing training down.

    With the optimizer's state it is three times the network: written every epoch, it would take
    longer than a small data set's epochs themselves. The first and the last are always written.
    """

    def __init__(self, max_time_fraction: float, dirpath: str, keep_optimizer: bool = True):
        """Write into `dirpath`, as often as takes at most that part of the training time.

        `keep_optimizer` is for whoever ends the run: whether the finished one can be made longer.
        """
        super().__init__(
            dirpath, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
        )
        self.max_time_fraction = max_time_fraction

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self.started, self.writing = time.monotonic(), 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write, if it is time; all processes of a run do the same."""
        began = time.monotonic()
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        due = ends or self.writing <= self.max_time_fraction * (began - self.started)
        if trainer.strategy.broadcast(due):
            super().on_train_epoch_end(trainer, pl_module)
            self.writing += time.monotonic() - began


class WeightAverage(pl.callbacks.WeightAveraging):
    """An exponential moving average of the weights, which is what is validated, kept and tested.

    Lightning's own leaves the average out of checkpoints that hold weights alone, puts the last
    step's weights back in its place when a checkpoint is opened for a test, keeps it on the
    processor and in single precision whatever the network is trained on and in, and moves it tensor
    by tensor, in three times the time.
    """

    def __init__(self, decay: float):
        """Keep `decay`, 0..1, of the average at every step."""
        super().__init__(multi_avg_fn=_average_of_floats(get_ema_multi_avg_fn(decay)))

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Begin the average; have every checkpoint hold it."""
        super().setup(trainer, pl_module, stage)
        for keeper in model_checkpoints(trainer):
            keeper.save_weights_only = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Follow the network to its device and precision, which it has only now."""
        weight = next(pl_module.parameters())
        assert self._average_model is not None  # made in setup
        self._average_model.to(weight.device, weight.dtype)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]
    ) -> None:
        """Take up the average when training goes on; a test has it in the network already."""
        if trainer.training:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)


Averaging = Callable[[list[Tensor], list[Tensor], Tensor | int], None]


def _average_of_floats(average: Averaging) -> Averaging:
    """Have whole numbers, which are counts and indices, copied: an average of them is cut short."""

    def update(averages: list[Tensor], currents: list[Tensor], n_averaged: Tensor | int) -> None:
        if averages[0].is_floating_point():  # they come sorted by type
            average(averages, currents, n_averaged)
        else:
            torch._foreach_copy_(averages, currents)

    return update


class ClipsPerSecond(pl.Callback):
    """Logs how many training items went through the network per second, every epoch."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self.items, self.started = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Count, and stop the clock before validation begins."""
        self.items += len(batch["y"])
        self.seconds = time.perf_counter() - self.started

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Log the rate, of all processes together."""
        if self.items:
            rate = self.items / self.seconds
            pl_module.log("clips_per_second", rate, prog_bar=True, sync_dist=True, reduce_fx="sum")

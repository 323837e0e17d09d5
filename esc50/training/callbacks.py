"""What a run does beside training: stops early, measures its speed, draws pictures."""

import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from esc50.errors import DivergenceError


class EarlyStopping(pl.callbacks.EarlyStopping):
    """Lightning's, which also remembers across a restart that it had already stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop at once when the checkpoint was written by the epoch that ended the run."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class DivergenceCheck(pl.Callback):
    """Ends a run whose loss or weights are no longer numbers, before they are kept or tested."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Look at the loss; on a GPU now and then, since every look waits for it."""
        every = trainer.log_every_n_steps if pl_module.device.type == "cuda" else 1
        if batch_idx % max(every, 1) == 0 and not outputs["loss"].isfinite():
            self._refuse(trainer, pl_module, f"the loss is {outputs['loss'].item()}")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look at what validation measured."""
        for key, value in trainer.callback_metrics.items():
            if key.startswith("val/") and not value.isfinite():
                self._refuse(trainer, pl_module, f"{key} is {value.item()}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look at all that a checkpoint would hold."""
        for name, numbers in pl_module.state_dict().items():
            if not numbers.isfinite().all():
                self._refuse(trainer, pl_module, f"{name} holds values that are not finite")

    def _refuse(self, trainer: pl.Trainer, pl_module: Any, what: str) -> None:
        group = trainer.optimizers[0].param_groups[0]
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients).item()
        kept = next((c.best_model_path for c in trainer.checkpoint_callbacks), "")
        raise DivergenceError(
            f"training diverged in epoch {trainer.current_epoch + 1}, step {trainer.global_step}: "
            f"{what}, the learning rate {group['lr']:g}, the gradient norm {norm:g}: lower "
            "optimizer.lr or set trainer.gradient_clip_val"
            + (f" (the last good checkpoint is {kept})" if kept else "")
        )


class LastCheckpoint(pl.callbacks.ModelCheckpoint):
    """Keeps last.ckpt, from which a stopped run goes on, without slowing training down.

    With the optimizer's state it is three times the network: written every epoch, it would take
    longer than a small data set's epochs themselves. The first and the last are always written.
    """

    def __init__(self, share: float, dirpath: str):
        """Write as often as takes no more than `share` of the training time, into `dirpath`."""
        always_one_name = {"filename": "last", "enable_version_counter": False}
        super().__init__(dirpath, save_on_train_epoch_end=True, **always_one_name)
        self.share = share

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self.started, self.writing = time.monotonic(), 0.0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write, if it is time; all processes of a run do the same."""
        began = time.monotonic()
        ends = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        due = ends or self.writing <= self.share * (began - self.started)
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
        """Keep the share `decay` of the average at every step."""
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Begin the average; have every checkpoint hold it."""
        super().setup(trainer, pl_module, stage)
        for callback in trainer.checkpoint_callbacks:
            callback.save_weights_only = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Follow the network to its device and precision, which it has only now."""
        weight = next(pl_module.parameters())
        self._average_model.to(weight.device, weight.dtype)

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict) -> None:
        """Take up the average when training goes on; a test has it in the network already."""
        if trainer.training:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)


class ClipsPerSecond(pl.Callback):
    """Logs how many training items went through the network in a second, every epoch."""

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
            rate, together = self.items / self.seconds, {"sync_dist": True, "reduce_fx": "sum"}
            pl_module.log("clips_per_second", rate, prog_bar=True, **together)


class Pictures(pl.Callback):
    """Draws the network's input before and after augmentation, and the confusion matrix."""

    def __init__(self, n_clips: int):
        """Show `n_clips` training clips in the grid."""
        self.n_clips = n_clips

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw some training clips as they are and as training sees them."""
        if not self._draws(trainer) or trainer.current_epoch > 0:
            return
        before, after = trainer.datamodule.examples(self.n_clips)
        pictures = [before] if after is None else [before, after]
        grid = torch.cat([torch.cat(list(row[:, 0].flip(1)), dim=1) for row in pictures])
        low, high = torch.quantile(grid.flatten()[::7], torch.tensor([0.005, 0.995]))
        grid = ((grid - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
        title = "input/clips" if after is None else "input/clips_above_augmented_below"
        trainer.logger.experiment.add_image(title, grid, 0, dataformats="HW")

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw who was taken for whom."""
        if not self._draws(trainer) or not pl_module.tested:
            return
        from esc50.results.figures import confusion_figure

        table = trainer.datamodule.table
        items = torch.cat([item for item, _ in pl_module.tested]).numpy()
        predicted = torch.cat([p for _, p in pl_module.tested]).argmax(1).numpy()
        counts = np.zeros((len(table.classes),) * 2, dtype=int)
        np.add.at(counts, (table.targets[items], predicted), 1)
        figure = confusion_figure(counts, list(table.classes))
        trainer.logger.experiment.add_figure("test/confusion", figure, trainer.current_epoch)

    def _draws(self, trainer: pl.Trainer) -> bool:
        return trainer.logger is not None and trainer.is_global_zero

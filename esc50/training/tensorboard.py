"""What TensorBoard shows beside the curves: pictures, the audit, HPARAMS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytorch_lightning as pl
import torch
from sklearn.metrics import confusion_matrix
from torch.utils.tensorboard import SummaryWriter

from esc50.data.datamodule import ESC50DataModule
from esc50.results.figures import confusion_figure


def tensorboards(trainer: pl.Trainer) -> list[SummaryWriter]:
    """The writers of a trainer's TensorBoard loggers; [] in all processes but the first."""
    loggers = trainer.loggers if trainer.is_global_zero else []
    return [one.experiment for one in loggers if isinstance(one, pl.loggers.TensorBoardLogger)]


def log_hyperparameters(
    trainer: pl.Trainer, plain: Mapping[str, Any], results: Mapping[str, Any]
) -> None:
    """Write the choices and the metrics they led to into every logger."""
    choices = {key: plain[key] for key in ("name", "seed", "batch_size")}
    choices |= {key: results[key] for key in ("leaky", "synthetic")}
    choices |= {
        section: {
            key: value
            for key, value in plain[section].items()
            if isinstance(value, (int, float, str, bool))
        }
        for section in ("split", "augment", "model", "optimizer", "scheduler", "trainer")
    }
    metrics = {
        # Under tags of their own: these values come with step 0, from which TensorBoard would
        # begin the curves of the same name anew.
        f"hp/{key}": value
        for key, value in results.items()
        if key.startswith("test/") or key == plain["monitor"]
        if isinstance(value, (int, float))
    }
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.TensorBoardLogger):
            # Written empty when training began, and by Lightning never a second time.
            Path(logger.log_dir, "hparams.yaml").unlink(missing_ok=True)
            logger.log_hyperparams(choices, metrics)
            logger.experiment.add_text("audit", results["audit"])
        else:
            logger.log_hyperparams(choices)
        logger.finalize("success")


def _data(trainer: pl.Trainer) -> ESC50DataModule:
    data: ESC50DataModule = trainer.datamodule  # type: ignore[attr-defined]
    return data


class ImageLogger(pl.Callback):
    """Draws the network's input before and after augmentation, and the confusion matrix."""

    def __init__(self, n_clips: int):
        """Show `n_clips` training clips in the grid."""
        self.n_clips = n_clips

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw some training clips as they are and as training sees them."""
        writers = tensorboards(trainer)
        if not writers or trainer.current_epoch > 0:
            return
        before, after = _data(trainer).examples(self.n_clips)
        pictures = [before] if after is None else [before, after]
        grid = torch.cat([torch.cat(list(row[:, 0].flip(1)), dim=1) for row in pictures])
        low, high = torch.quantile(grid.flatten()[::7], torch.tensor([0.005, 0.995]))
        grid = ((grid - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
        title = "input/clips" if after is None else "input/clips_above_augmented_below"
        for writer in writers:
            writer.add_image(title, grid, 0, dataformats="HW")

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw the confusion matrix."""
        writers = tensorboards(trainer)
        if not writers:
            return
        items, probabilities = pl_module.tested
        table = _data(trainer).table
        targets = table.targets[items.numpy()]
        labels = range(len(table.classes))
        counts = confusion_matrix(targets, probabilities.argmax(1).numpy(), labels=labels)
        figure = confusion_figure(counts, list(table.classes))
        for writer in writers:
            writer.add_figure("test/confusion", figure, trainer.current_epoch, close=False)
        plt.close(figure)

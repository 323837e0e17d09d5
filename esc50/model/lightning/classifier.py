"""The LightningModule: network, loss, metrics, optimiser."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torchmetrics import MetricCollection

from esc50.model.lightning.batch_norm import share_batch_norm
from esc50.model.lightning.metrics import ItemPredictions, MeanLoss, make_scores
from esc50.model.lightning.teachers import Teachers
from esc50.model.lightning.threshold import choose_threshold
from esc50.model.pretrained.head import head
from esc50.model.trained import FORMAT

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes.

    Attributes:
        build: makes the scheduler of an optimiser for a training of so many steps.
        interval: "step" or "epoch", after which it is stepped.
        monitor: the metric that a plateau scheduler looks at.
    """

    build: Callable[[Optimizer, int], LRScheduler]
    interval: str
    monitor: str


@dataclass(frozen=True)
class Objective:
    """How the network's outputs are scored and its inputs are scaled.

    Attributes:
        n_classes: outputs.
        categories: group of each class for the accuracy over super-categories, or None.
        class_weights: what the loss of training counts each class as; None: all alike.
        label_smoothing: part of each target spread evenly over all classes, 0..1.
        teachers: whose answers are learnt beside the classes, or None.
        input_mean: the network sees (x - input_mean) / input_std.
        input_std: see there.
    """

    n_classes: int
    categories: Sequence[int] | None = None
    class_weights: Sequence[float] | None = None
    label_smoothing: float = 0.0
    teachers: Teachers | None = None
    input_mean: float = 0.5
    input_std: float = 0.5


class Classifier(pl.LightningModule):
    """A network on pictures of sound, and how it is trained.

    Args:
        network: pictures (batch, channels, height, width) to logits (batch, classes).
        objective: what is learnt.
        optimizer: makes the optimiser of the parameters it is given; None: there are no steps.
        schedule: of the learning rate; None: it stays as it is.
        specification: what it takes to predict with a checkpoint, in plain dictionaries, lists,
            strings and numbers: classes, features, config.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None,
        schedule: Schedule | None = None,
        specification: Mapping[str, Any] | None = None,
    ):
        """Take the network and what trains it."""
        super().__init__()
        self.network, self.objective = network, objective
        self.make_optimizer, self.schedule = optimizer, schedule
        self.specification = {"format": FORMAT, **(specification or {})}
        weights = objective.class_weights
        self.register_buffer(  # the split's, which a checkpoint is not: made anew when it goes on
            "class_weights", None if weights is None else torch.tensor(weights), persistent=False
        )
        scores = make_scores(objective.n_classes, objective.categories)
        self.train_metrics = MetricCollection({"acc": scores["acc"]}, prefix="train/")
        self.val_metrics = MetricCollection(scores, prefix="val/", compute_groups=False).clone()
        self.test_metrics = self.val_metrics.clone(prefix="test/")
        self.train_loss, self.val_loss, self.test_loss = MeanLoss(), MeanLoss(), MeanLoss()
        self.val_predictions, self.test_predictions = ItemPredictions(), ItemPredictions()
        self.threshold: dict[str, Any] | None = None  # chosen by the latest validation
        self.validated: int | None = None  # epoch of the latest validation
        self.tested: tuple[Tensor, Tensor] | None = None  # what `ItemPredictions` made of the test

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width), or what the last layer sees, to logits."""
        if x.ndim == 2:
            return head(self.network)(x)
        return self.network(self.scale(x))

    def scale(self, x: Tensor) -> Tensor:
        """Scale pictures as the objective says."""
        return (x - self.objective.input_mean) / self.objective.input_std

    def setup(self, stage: str) -> None:
        """Have batch norm see whole batches where several processes share them."""
        if self.trainer.world_size > 1:
            share_batch_norm(self.network, self.trainer.strategy.root_device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross-entropy with the classes, and with the teachers' answers where there are some.

        Of a share of a batch it is weighted, so that the mean over all processes is that over the
        batch.
        """
        logits = self(batch["x"])
        loss = self._loss(logits, batch)
        if (teachers := self.objective.teachers) is not None:
            theirs = F.cross_entropy(logits, teachers.answers(batch["x"]))
            loss = (1 - teachers.weight) * loss + teachers.weight * theirs
        self.train_metrics.update(logits, batch["y"])
        size = len(batch["y"])
        self.train_loss.update(loss.detach(), size)
        # Of several processes this is the leader's: to ask the others would hold up every step.
        self.log("step/loss", loss, on_step=True, on_epoch=False)
        by_epoch: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": size}
        self.log("train/loss", self.train_loss, prog_bar=True, **by_epoch)
        self.log_dict(self.train_metrics, **by_epoch)
        return loss * batch.get("weight", 1.0)

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy with the classes; of a mixture, with both of its targets by their weights.

        Class weights count for each target by itself, mixed and smoothed ones too. The sum is
        divided by the number of items and not by their weights, so that a batch of rare classes
        counts for more than one of frequent ones, and shares of a batch add up to it.
        """
        if "mix_weight" in batch:
            weight = batch["mix_weight"]
            both = [self._losses(logits, batch[y], "none") for y in ("y", "y_mix")]
            return (weight * both[0] + (1 - weight) * both[1]).mean()
        if self.class_weights is None:
            return self._losses(logits, batch["y"], "mean")
        return self._losses(logits, batch["y"], "none").mean()

    def _losses(self, logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
        smoothing = self.objective.label_smoothing
        return F.cross_entropy(
            logits, targets, self.class_weights, reduction=reduction, label_smoothing=smoothing
        )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics on clean clips."""
        logits = self._evaluate(batch, "val", self.val_metrics, self.val_loss)
        self.val_predictions.update(batch["item"].to(self.device), logits.float().softmax(1))

    def on_validation_epoch_end(self) -> None:
        """Choose the threshold for "none of these", which all processes do together."""
        self.threshold = choose_threshold(self.val_predictions.compute()[1])
        self.val_predictions.reset()
        if not self.trainer.sanity_checking:
            self.validated = self.trainer.current_epoch

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics, and each clip's probabilities for predictions.csv."""
        logits = self._evaluate(batch, "test", self.test_metrics, self.test_loss)
        self.test_predictions.update(batch["item"].to(self.device), logits.float().softmax(1))

    def on_test_epoch_end(self) -> None:
        """Gather the predictions, which all processes do together."""
        self.tested = self.test_predictions.compute()
        self.test_predictions.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the specification, this epoch's metrics and threshold, under the key `esc50`."""
        told = {"metrics": self.epoch_metrics(), "threshold": self.threshold}
        checkpoint["esc50"] = {**self.specification, **told}

    def epoch_metrics(self) -> dict[str, float]:
        """This epoch's metrics of training so far, and of its latest validation if it had one.

        Lightning shows a metric until it is measured anew: during a validation the last epoch's of
        training, and at the end of an epoch without one those of an earlier validation.
        """
        shown: dict[str, Tensor] = dict(self.trainer.callback_metrics)
        if self.trainer.validating:
            shown |= {"train/loss": self.train_loss.compute(), **self.train_metrics.compute()}
        validated = self.validated == self.trainer.current_epoch
        kinds = ("train/", "val/") if validated else ("train/",)
        return {key: value.item() for key, value in shown.items() if key.startswith(kinds)}

    def _evaluate(
        self, batch: Batch, stage: str, metrics: MetricCollection, mean_loss: MeanLoss
    ) -> Tensor:
        logits, size = self(batch["x"]), len(batch["y"])
        if size:  # a process's share of a small batch may be empty
            metrics.update(logits, batch["y"])
            mean_loss.update(F.cross_entropy(logits.float(), batch["y"]), size)
        self.log(f"{stage}/loss", mean_loss, prog_bar=True, batch_size=size)
        self.log_dict(metrics, batch_size=size)
        return logits

    def configure_optimizers(self) -> Any:
        """Optimiser and scheduler, where there is one."""
        optimizer = self.make_optimizer and self.make_optimizer(self.parameters())
        if optimizer is None or self.schedule is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.schedule.build(optimizer, steps)
        settings = {
            "scheduler": scheduler,
            "interval": self.schedule.interval,
            "monitor": self.schedule.monitor,
        }
        if isinstance(scheduler, ReduceLROnPlateau):  # what it watches is measured only so often
            settings["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": settings}

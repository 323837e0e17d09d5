"""The LightningModule: network, loss, metrics, optimiser."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassRecall
from torchmetrics.utilities import dim_zero_cat

from esc50.model.batch_norm import share_batch_norm
from esc50.model.threshold import choose_threshold
from esc50.model.trained import FORMAT

Batch = dict[str, Tensor]


class CategoryAccuracy(MulticlassAccuracy):
    """Accuracy over groups of classes: right when prediction and target share a group."""

    group_of_class: Tensor

    def __init__(self, group_of_class: Tensor):
        """Take the group of each class: int64 (classes,)."""
        super().__init__(num_classes=int(group_of_class.max()) + 1, average="micro")
        self.register_buffer("group_of_class", group_of_class, persistent=False)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count a batch: preds (batch, classes), target int64 (batch,)."""
        super().update(self.group_of_class[preds.argmax(1)], self.group_of_class[target])


class BalancedAccuracy(MulticlassRecall):
    """The mean over the classes, among those tested, of the part of each that is right.

    scikit-learn's `balanced_accuracy_score`; torchmetrics' own macro average counts a class that
    is not among the targets, but is predicted, as one that is all wrong.
    """

    def compute(self) -> Tensor:
        """Mean over the classes that were tested."""
        right, _, _, missed = self._final_state()
        tested = right + missed
        return (right / tested.clamp_min(1)).sum() / (tested > 0).sum()


class MeanLoss(Metric):
    """The mean loss of all items, however they are spread over batches and processes.

    torchmetrics' MeanMetric leaves values that are not a number out of the mean, which would hide
    that a run has diverged.
    """

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        """Start at nothing."""
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, mean: Tensor, count: int) -> None:
        """Add `count` items by their mean loss."""
        self.total = self.total + mean * count
        self.count = self.count + count

    def compute(self) -> Tensor:
        """Mean over all items."""
        return self.total / self.count


class ItemPredictions(Metric):
    """The probabilities of each item, gathered from all processes, ordered by item."""

    items: list[Tensor]
    probabilities: list[Tensor]

    def __init__(self) -> None:
        """Start at nothing."""
        super().__init__()
        self.add_state("items", [], dist_reduce_fx="cat")
        self.add_state("probabilities", [], dist_reduce_fx="cat")

    def update(self, items: Tensor, probabilities: Tensor) -> None:
        """Add a batch: items int64 (batch,), probabilities float32 (batch, classes)."""
        self.items.append(items)
        self.probabilities.append(probabilities)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return items int64 (n,) in ascending order and probabilities float32 (n, classes)."""
        items, probabilities = dim_zero_cat(self.items), dim_zero_cat(self.probabilities)
        order = items.argsort()
        return items[order].cpu(), probabilities[order].cpu()


def make_scores(
    n_classes: int, categories: Sequence[int] | None
) -> dict[str, Metric | MetricCollection]:
    """Make the metrics of validation and test, by their names.

    Args:
        n_classes: outputs of the network.
        categories: group of each class, for the accuracy over them; None: there are none.
    """
    scores: dict[str, Metric | MetricCollection] = {
        "acc": MulticlassAccuracy(n_classes, average="micro"),
        "f1_macro": MulticlassF1Score(n_classes, average="macro"),
        "acc_balanced": BalancedAccuracy(n_classes),
    }
    if categories is not None:
        scores["acc_category5"] = CategoryAccuracy(torch.tensor(categories))
    return scores


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
        label_smoothing: part of each target spread evenly over all classes, 0..1.
        input_mean: the network sees (x - input_mean) / input_std.
        input_std: see there.
    """

    n_classes: int
    categories: Sequence[int] | None = None
    label_smoothing: float = 0.0
    input_mean: float = 0.5
    input_std: float = 0.5


class Classifier(pl.LightningModule):
    """A network on single-channel pictures, and how it is trained.

    Args:
        network: log-mels (batch, 1, height, width) to logits (batch, classes).
        objective: what is learnt.
        optimizer: makes the optimiser of the parameters it is given.
        schedule: of the learning rate; None: it stays as it is.
        specification: what it takes to predict with a checkpoint, in plain dictionaries, lists,
            strings and numbers: classes, features, config.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        schedule: Schedule | None = None,
        specification: Mapping[str, Any] | None = None,
    ):
        """Take the network and what trains it."""
        super().__init__()
        self.network, self.objective = network, objective
        self.make_optimizer, self.schedule = optimizer, schedule
        self.specification = {"format": FORMAT, **(specification or {})}
        scores = make_scores(objective.n_classes, objective.categories)
        self.train_metrics = MetricCollection({"acc": scores["acc"]}, prefix="train/")
        self.val_metrics = MetricCollection(scores, prefix="val/", compute_groups=False).clone()
        self.test_metrics = self.val_metrics.clone(prefix="test/")
        self.train_loss, self.val_loss, self.test_loss = MeanLoss(), MeanLoss(), MeanLoss()
        self.val_predictions, self.test_predictions = ItemPredictions(), ItemPredictions()
        self.threshold: dict[str, Any] | None = None  # chosen by the latest validation
        self.tested: tuple[Tensor, Tensor] | None = None  # what `ItemPredictions` made of the test

    def forward(self, x: Tensor) -> Tensor:
        """Log-mels (batch, 1, height, width) to logits (batch, classes)."""
        return self.network((x - self.objective.input_mean) / self.objective.input_std)

    def setup(self, stage: str) -> None:
        """Have batch norm see whole batches where several processes share them."""
        if self.trainer.world_size > 1:
            share_batch_norm(self.network, self.trainer.strategy.root_device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross-entropy; of a mixture, the mean over both targets by their weights.

        Of a share of a batch it is weighted, so that the mean over all processes is that over the
        batch.
        """
        logits = self(batch["x"])
        smoothing = self.objective.label_smoothing
        if "mix_weight" in batch:
            weight = batch["mix_weight"]
            both = [
                F.cross_entropy(logits, batch[y], reduction="none", label_smoothing=smoothing)
                for y in ("y", "y_mix")
            ]
            loss = (weight * both[0] + (1 - weight) * both[1]).mean()
        else:
            loss = F.cross_entropy(logits, batch["y"], label_smoothing=smoothing)
        self.train_metrics.update(logits, batch["y"])
        size = len(batch["y"])
        self.train_loss.update(loss.detach(), size)
        # Of several processes this is the leader's: to ask the others would hold up every step.
        self.log("step/loss", loss, on_step=True, on_epoch=False)
        by_epoch: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": size}
        self.log("train/loss", self.train_loss, prog_bar=True, **by_epoch)
        self.log_dict(self.train_metrics, **by_epoch)
        return loss * batch.get("weight", 1.0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics on clean clips."""
        logits = self._evaluate(batch, "val", self.val_metrics, self.val_loss)
        self.val_predictions.update(batch["item"].to(self.device), logits.float().softmax(1))

    def on_validation_epoch_end(self) -> None:
        """Choose the threshold for "none of these", which all processes do together."""
        self.threshold = choose_threshold(self.val_predictions.compute()[1])
        self.val_predictions.reset()

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
        metrics = {
            key: value.item()
            for key, value in self.trainer.callback_metrics.items()
            if key.startswith(("train/", "val/"))
        }
        told = {"metrics": metrics, "threshold": self.threshold}
        checkpoint["esc50"] = {**self.specification, **told}

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
        """Optimiser, and scheduler where there is one."""
        optimizer = self.make_optimizer(self.parameters())
        if self.schedule is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": self.schedule.build(optimizer, steps),
                "interval": self.schedule.interval,
                "monitor": self.schedule.monitor,
            },
        }

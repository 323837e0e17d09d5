"""The LightningModule: network, loss, metrics, optimiser."""

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from hydra.utils import instantiate
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from esc50.model.batch_norm import share_batch_norm
from esc50.model.resnet import lay_out, single_channel_resnet18
from esc50.model.timm_models import timm_network

Batch = dict[str, Tensor]
FORMAT = 1  # raise it when the meaning of the `esc50` part of a checkpoint changes


class CategoryAccuracy(MulticlassAccuracy):
    """Accuracy over groups of classes: right when prediction and target share a group."""

    def __init__(self, group_of_class: Tensor):
        """Take the group of each class: int64 (classes,)."""
        super().__init__(num_classes=int(group_of_class.max()) + 1, average="micro")
        self.register_buffer("group_of_class", group_of_class, persistent=False)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count a batch: preds (batch, classes), target int64 (batch,)."""
        super().update(self.group_of_class[preds.argmax(1)], self.group_of_class[target])


class MeanLoss(Metric):
    """The mean loss of all items, however they are spread over batches and processes."""

    def __init__(self):
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


class Classifier(pl.LightningModule):
    """A single-channel network, the ResNet-18 unless said otherwise, and how it is trained.

    Args:
        model: the config's `model` section.
        optimizer: the config's `optimizer` section, with `_target_`.
        scheduler: the config's `scheduler` section, `_target_` null for none.
        monitor: the metric that a plateau scheduler looks at.
        n_classes: outputs.
        size: height and width of the input.
        categories: group of each class for the accuracy over super-categories, or None.
        specification: what it takes to predict with a checkpoint, in plain dictionaries, lists,
            strings and numbers: classes, features, config.
    """

    def __init__(
        self,
        model: dict[str, Any],
        optimizer: dict[str, Any],
        scheduler: dict[str, Any],
        monitor: str,
        n_classes: int,
        size: tuple[int, int],
        categories: list[int] | None = None,
        specification: dict[str, Any] | None = None,
    ):
        """Build the network; weights are loaded here."""
        super().__init__()
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.monitor = monitor
        self.specification = {"format": FORMAT, **(specification or {})}
        if "timm" in model:
            self.network = timm_network(model["timm"], n_classes, size, model["weights"])
        else:
            settings = (model["weights"], model["head_width"], model["stem_stride"])
            self.network = single_channel_resnet18(n_classes, *settings)
        self.network = lay_out(self.network, size)
        accuracy = MulticlassAccuracy(n_classes, average="micro")
        self.train_metrics = MetricCollection({"acc": accuracy}, prefix="train/")
        scores = {"acc": accuracy, "f1_macro": MulticlassF1Score(n_classes, average="macro")}
        if categories is not None:
            scores["acc_category5"] = CategoryAccuracy(torch.tensor(categories))
        self.val_metrics = MetricCollection(scores, prefix="val/", compute_groups=False).clone()
        self.test_metrics = self.val_metrics.clone(prefix="test/")
        self.train_loss, self.val_loss, self.test_loss = MeanLoss(), MeanLoss(), MeanLoss()
        self.tested: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        """Log-mels (batch, 1, height, width) to logits (batch, classes)."""
        return self.network((x - self.model["input_mean"]) / self.model["input_std"])

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
        smoothing = self.model["label_smoothing"]
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
        whole = {"on_step": False, "on_epoch": True, "batch_size": size}
        self.log("train/loss", self.train_loss, prog_bar=True, **whole)
        self.log_dict(self.train_metrics, **whole)
        return loss * batch.get("weight", 1.0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics on clean clips."""
        self._evaluate(batch, "val", self.val_metrics, self.val_loss)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics, and each clip's probabilities for predictions.csv."""
        logits = self._evaluate(batch, "test", self.test_metrics, self.test_loss)
        self.tested.append((batch["item"].cpu(), logits.float().softmax(1).cpu()))

    def on_test_epoch_end(self) -> None:
        """Gather what other processes tested, batch by batch in its own order."""
        if self.trainer.world_size > 1:
            shares = [None] * self.trainer.world_size
            dist.all_gather_object(shares, self.tested)
            self.tested = [
                tuple(_in_order(column) for column in zip(*batch, strict=True))
                for batch in zip(*shares, strict=True)
            ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the specification, and this epoch's metrics, under the key `esc50`."""
        metrics = {
            key: value.item()
            for key, value in self.trainer.callback_metrics.items()
            if key.startswith(("train/", "val/"))
        }
        checkpoint["esc50"] = {**self.specification, "metrics": metrics}

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
        optimizer = instantiate(self.optimizer, params=self.parameters(), _convert_="all")
        settings = dict(self.scheduler)
        interval = settings.pop("interval")
        if settings["_target_"] is None:
            return optimizer
        if settings.get("total_steps") == "???":
            settings["total_steps"] = self.trainer.estimated_stepping_batches
        scheduler = instantiate(settings, optimizer=optimizer, _convert_="all")
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": scheduler,
                "interval": interval,
                "monitor": self.monitor,
            },
        }


def _in_order(shares: tuple[Tensor, ...]) -> Tensor:
    """A batch of the shares that were dealt out of it, one row to each process in turn."""
    batch = torch.cat(shares)
    for rank, share in enumerate(shares):
        batch[rank :: len(shares)] = share
    return batch

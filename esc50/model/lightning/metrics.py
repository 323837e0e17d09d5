"""Metrics of training, validation and test, over whatever batches and processes there are."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassRecall
from torchmetrics.utilities import dim_zero_cat


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

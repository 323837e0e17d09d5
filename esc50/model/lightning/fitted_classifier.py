"""The LightningModule of networks that scikit-learn fits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esc50.errors import UserError
from esc50.model.fitted import FittedNetwork
from esc50.model.lightning.classifier import Batch, Classifier, Objective


class FittedClassifier(Classifier):
    """Has a network fitted at the end of the one epoch there is.

    The batches of that epoch are described and gathered, so whatever decides what training sees
    (the split, copies, a balanced sampler) decides it here, too. Their order has no effect.
    """

    network: FittedNetwork

    def __init__(
        self,
        network: FittedNetwork,
        objective: Objective,
        seed: int,
        specification: Mapping[str, Any] | None = None,
    ):
        """Take the network, and the seed of what is random in fitting it; see `Classifier`."""
        super().__init__(network, objective, None, None, specification)
        self.seed = seed
        self.gathered: list[tuple[Tensor, Tensor, Tensor]] = []  # item, description, target

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Describe a batch; after the last one, fit.

        Returns:
            A loss of nothing, for the trainer, which wants one to step on.
        """
        if "mix_weight" in batch:
            raise UserError(
                "a mixture of two clips has no class that a classical model could be fitted to: "
                "set augment.mix_prob=0"
            )
        described = self.network.describe(self.scale(batch["x"]))
        self.gathered.append((batch["item"].cpu(), described.cpu(), batch["y"].cpu()))
        if self.trainer.is_last_batch:
            self._fit()
        return torch.zeros((), device=self.device, requires_grad=True)

    def _fit(self) -> None:
        """Fit to all that was gathered, and measure how well that is known."""
        items, x, y = (torch.cat(parts) for parts in zip(*self.gathered, strict=True))
        self.gathered = []
        order = items.argsort(stable=True)
        x, y = x[order], y[order]
        present = np.unique(y.numpy()).tolist()
        if len(present) < 2:
            raise UserError("all training clips are of one class: two are needed")
        counts = self.objective.class_weights
        weights = None if counts is None else {label: counts[label] for label in present}
        self.network.fit(x.numpy(), y.numpy(), self.seed, weights)
        self.network.to(self.device)
        for part, targets in zip(torch.split(x, 64), torch.split(y, 64), strict=True):
            logits, own = self.network.answer(part.to(self.device)), targets.to(self.device)
            self.train_metrics.update(logits, own)
            self.train_loss.update(self._losses(logits, own, "none").mean(), len(own))
        by_epoch: dict[str, Any] = {"on_step": False, "on_epoch": True, "batch_size": len(y)}
        self.log("train/loss", self.train_loss, prog_bar=True, **by_epoch)
        self.log_dict(self.train_metrics, **by_epoch)

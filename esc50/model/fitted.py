"""Networks that scikit-learn fits to all training clips at once, without a gradient step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# The least probability there is. A forest may give a class none at all, and were that class the
# right one, the log loss would be infinite.
LEAST = 1e-9


class FittedNetwork(nn.Module, ABC):
    """A classifier of scikit-learn as a network: fitted by it, then its numbers as tensors.

    So a checkpoint holds arrays alone, which load without running code, and whatever works with a
    network works with it. A subclass keeps what it learns in buffers; they are of no size until it
    is fitted, and take that of a state dict that is loaded.

    Of a picture it sees the mean and the standard deviation of each row over the columns, as in
    Piczak, "ESC: Dataset for Environmental Sound Classification" (ACM MM 2015).
    """

    def __init__(self, n_classes: int):
        """Take the number of classes, some of which may have no training clip."""
        super().__init__()
        self.n_classes = n_classes
        self.register_load_state_dict_pre_hook(_take_sizes)  # type: ignore[no-untyped-call]

    @abstractmethod
    def fit(
        self, x: np.ndarray, y: np.ndarray, seed: int, weights: Mapping[int, float] | None = None
    ) -> None:
        """Learn from training clips.

        Args:
            x: descriptions, float32 (clips, n).
            y: targets, int64 (clips,), of two classes at the least.
            seed: of what is random in it.
            weights: what a clip of each class that is there counts for; None: all alike.

        Raises:
            UserError: there is too little to learn from.
        """

    @abstractmethod
    def probabilities(self, described: Tensor) -> Tensor:
        """Descriptions float32 (batch, n) to float64 probabilities (batch, classes)."""

    @property
    @abstractmethod
    def is_fitted(self) -> bool:
        """Whether it has learnt anything."""

    @staticmethod
    def describe(x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to descriptions float32 (batch, n).

        They are each row's mean, then each row's standard deviation.
        """
        rows = x.double().flatten(1, 2)
        return torch.cat([rows.mean(-1), rows.std(-1, correction=0)], 1).float()

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to logits float32 (batch, classes).

        They are log probabilities; all the same as long as nothing has been learnt.
        """
        if not self.is_fitted:
            return x.new_zeros(len(x), self.n_classes)
        return self.answer(self.describe(x))

    def answer(self, described: Tensor) -> Tensor:
        """Descriptions float32 (batch, n) to logits float32 (batch, classes)."""
        return self.probabilities(described).clamp_min(LEAST).log().float()


def _take_sizes(module: nn.Module, state: Mapping[str, Any], prefix: str, *_: object) -> None:
    """Give a network's buffers the sizes of those that are about to be loaded."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        given = state.get(prefix + name)
        if isinstance(given, Tensor):
            setattr(module, name, torch.empty_like(given, device=buffer.device))

"""Finished networks whose answers another one learns beside the classes: distillation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from esc50.model.trained import TrainedModel

WEIGHT = 0.5  # where a config says nothing


@dataclass(frozen=True)
class Teachers:
    """Networks that answer for the same pictures as the one they teach.

    They are no part of it: its checkpoints hold none of their weights, and none of them learns.

    Attributes:
        networks: of the classes and features of the one they teach.
        weight: part of the loss that is theirs, 0..1.
    """

    networks: Sequence[TrainedModel]
    weight: float

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Stay one where a network that they teach is copied, as averages of weights do."""
        return self

    def answers(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to their mean probabilities (batch, classes).

        Softened by nothing but their disagreement and the mixtures they were trained on: the
        temperature of Hinton, Vinyals and Dean (2015, arXiv:1503.02531) is 1.
        """
        with torch.autocast(x.device.type, enabled=False):  # each answers in its own precision
            answers = [one.probabilities(x.float()).to(x.device) for one in self.networks]
        return torch.stack(answers).mean(0)

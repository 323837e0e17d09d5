import pytest
import torch

from esc50.errors import UserError
from esc50.model.forest import RandomForest
from esc50.model.lightning.classifier import Objective
from esc50.model.lightning.fitted_classifier import FittedClassifier


def test_mixtures_are_refused():
    module = FittedClassifier(RandomForest(4), Objective(4), seed=0)
    batch = {"x": torch.randn(2, 1, 8, 8), "y": torch.tensor([0, 1])}
    with pytest.raises(UserError, match=r"augment\.mix_prob=0"):
        module.training_step(batch | {"mix_weight": torch.ones(2)}, 0)

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from esc50.model.lightning.classifier import Classifier, Objective
from esc50.model.resnet import single_channel_resnet18


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    network = single_channel_resnet18(5)
    module = Classifier(network, Objective(n_classes=5), partial(torch.optim.Adam, lr=1e-3))
    module.log = module.log_dict = lambda *_, **__: None  # no trainer, no logger
    return module.eval()


def test_input_is_shifted_as_published(classifier):
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(classifier(x), classifier.network(2 * x - 1))


def test_loss_of_a_mixture_is_that_of_soft_targets(classifier):
    x, y, y_mix = torch.randn(4, 1, 32, 32), torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    weight = torch.tensor([1.0, 0.5, 0.2, 0.7])
    soft = weight[:, None] * F.one_hot(y, 5) + (1 - weight)[:, None] * F.one_hot(y_mix, 5)
    loss = classifier.training_step({"x": x, "y": y, "y_mix": y_mix, "mix_weight": weight}, 0)
    torch.testing.assert_close(loss, F.cross_entropy(classifier(x), soft))


WEIGHTS = (0.5, 3.0, 1.0, 0.0, 2.0)


def weighted(smoothing):
    torch.manual_seed(0)
    objective = Objective(n_classes=5, class_weights=WEIGHTS, label_smoothing=smoothing)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5))
    module = Classifier(network, objective, partial(torch.optim.Adam, lr=1e-3))
    module.log = module.log_dict = lambda *_, **__: None
    return module


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_class_weights_count_for_each_part_of_each_target(smoothing):
    module, x = weighted(smoothing), torch.randn(4, 1, 8, 8)
    y, y_mix = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    logarithms = module(x).log_softmax(1)

    def expected(soft):
        smoothed = (1 - smoothing) * soft + smoothing / 5
        return -(smoothed * torch.tensor(WEIGHTS) * logarithms).sum(1).mean()

    loss = module.training_step({"x": x, "y": y}, 0)
    torch.testing.assert_close(loss, expected(F.one_hot(y, 5)))
    share = torch.tensor([1.0, 0.5, 0.2, 0.7])
    mixed = module.training_step({"x": x, "y": y, "y_mix": y_mix, "mix_weight": share}, 0)
    soft = share[:, None] * F.one_hot(y, 5) + (1 - share)[:, None] * F.one_hot(y_mix, 5)
    torch.testing.assert_close(mixed, expected(soft))


def test_over_all_items_the_weighted_loss_is_torchs():
    """Which divides by the weights of the items it is given: over a whole balanced set, by them."""
    module, y = weighted(0.0), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 2])
    module.class_weights = torch.tensor([0.5, 1.5, 3.0, 0.0, 0.0])  # scikit-learn's for these
    x = torch.randn(9, 1, 8, 8)
    loss = module.training_step({"x": x, "y": y}, 0)
    torch.testing.assert_close(loss, F.cross_entropy(module(x), y, module.class_weights))


def test_class_weights_are_no_part_of_a_checkpoint():
    assert not any("class_weights" in key for key in weighted(0.0).state_dict())

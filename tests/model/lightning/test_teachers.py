from copy import deepcopy
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from esc50.model.lightning.classifier import Classifier, Objective
from esc50.model.lightning.teachers import Teachers
from esc50.model.trained import load_trained
from esc50.results.run_folder import chosen_checkpoint

WEIGHT = 0.3


@pytest.fixture
def teacher(tiny_run):
    return load_trained(chosen_checkpoint(tiny_run))


def linear():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 5))


def test_answers_are_the_mean_of_probabilities_and_nothing_learns_from_giving_them(teacher):
    x = torch.rand(6, 1, 32, 32, requires_grad=True)
    other = type(teacher)(linear(), teacher.specification, teacher.device)
    answers = Teachers([teacher, other], WEIGHT).answers(x)
    expected = (teacher.probabilities(x) + other.probabilities(x)) / 2
    torch.testing.assert_close(answers, expected)
    torch.testing.assert_close(answers.sum(1), torch.ones(6))
    assert not answers.requires_grad


def test_each_answers_in_its_own_precision_whatever_its_pupil_is_trained_in(teacher):
    x = torch.rand(6, 1, 32, 32)
    for precision in ("32-true", "bf16-mixed"):
        specification = {**teacher.specification, "precision": precision}
        network = type(teacher)(teacher.network, specification, teacher.device)
        alone = Teachers([network], WEIGHT).answers(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(Teachers([network], WEIGHT).answers(x), alone)
            assert Teachers([network], WEIGHT).answers(x.bfloat16()).dtype == torch.float32


def test_a_copy_of_the_pupil_asks_the_same_teachers(teacher):
    teachers = Teachers([teacher], WEIGHT)
    objective = Objective(n_classes=5, teachers=teachers)
    module = Classifier(linear(), objective, partial(torch.optim.Adam, lr=1e-3))
    copy = deepcopy(module)
    assert copy.objective.teachers is teachers
    assert copy.network[1].weight is not module.network[1].weight


@pytest.mark.parametrize("mixed", [False, True])
def test_part_of_the_loss_is_cross_entropy_with_the_answers(teacher, mixed):
    teachers = Teachers([teacher], WEIGHT)
    objective = Objective(n_classes=5, label_smoothing=0.1, teachers=teachers)
    module = Classifier(linear(), objective, partial(torch.optim.Adam, lr=1e-3))
    module.log = module.log_dict = lambda *_, **__: None
    x, y = torch.rand(6, 1, 32, 32), torch.arange(6) % 5
    batch, target = {"x": x, "y": y}, F.one_hot(y, 5).float()
    if mixed:
        share, other = torch.linspace(0, 1, 6), (y + 1) % 5
        batch |= {"y_mix": other, "mix_weight": share}
        target = share[:, None] * target + (1 - share)[:, None] * F.one_hot(other, 5)
    target = 0.9 * target + 0.1 / 5
    logarithms = module(x).log_softmax(1)
    classes = -(target * logarithms).sum(1).mean()
    theirs = -(teacher.probabilities(x) * logarithms).sum(1).mean()
    loss = module.training_step(batch, 0)
    torch.testing.assert_close(loss, (1 - WEIGHT) * classes + WEIGHT * theirs)


def test_a_checkpoint_holds_no_weights_of_teachers(teacher):
    module = Classifier(linear(), Objective(5, teachers=Teachers([teacher], WEIGHT)), None)
    assert set(module.state_dict()) == {"network.1.weight", "network.1.bias"}
    assert sum(1 for _ in module.parameters()) == 2

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from esc50.errors import UserError
from esc50.model.forest import RandomForest
from esc50.model.trained import TrainedModel
from esc50.report.run.explain import SMOOTH, STRETCHES, nearest, saliency


@pytest.fixture
def model():
    """A linear network, whose gradients and features are known."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16 * 12, 4))
    specification = {"config": {"input_mean": 0.0, "input_std": 2.0}, "precision": "32-true"}
    return TrainedModel(network.requires_grad_(False), specification, torch.device("cpu"))


def test_saliency_is_the_gradient_of_the_log_probability(model):
    x = torch.randn(3, 1, 16, 12)
    classes = torch.tensor([0, 3, 2])
    weight = model.network[1].weight.numpy()
    probabilities = model.probabilities(x).numpy()
    for row, one in enumerate(saliency(model, x, classes).numpy()):
        gradient = weight[classes[row]] - probabilities[row] @ weight
        smooth = uniform_filter(np.abs(gradient).reshape(16, 12), SMOOTH)
        inside = (slice(2, -2), slice(2, -2))  # at the edges the two pad in other ways
        ratio = one[inside] / smooth[inside]
        assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0]), rel=1e-4)
        assert one.max() == pytest.approx(1)


def test_saliency_of_several_channels_is_their_greatest():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 12, 2, bias=False))
    network[1].weight.data.view(2, 3, 192)[:, 1] *= 100  # one channel decides
    specification = {"config": {"input_mean": 0.0, "input_std": 1.0}, "precision": "32-true"}
    made = TrainedModel(network.requires_grad_(False), specification, torch.device("cpu"))
    x = torch.randn(1, 3, 16, 12)
    (one,) = saliency(made, x, torch.tensor([1])).numpy()
    weights = network[1].weight.view(2, 3, 16, 12)[:, 1].numpy()
    smooth = uniform_filter(np.abs(weights[1] - weights[0]), SMOOTH)[2:-2, 2:-2]
    np.testing.assert_allclose(one[2:-2, 2:-2] / smooth, (one[2, 2] / smooth[0, 0]), rtol=0.05)


def test_saliency_of_samples_is_told_by_stretches_of_time():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3200, 2, bias=False))
    nn.init.zeros_(network[1].weight)
    network[1].weight.data[1, 1600:1620] = 1.0  # one of 160 stretches decides
    specification = {"config": {"input_mean": 0.0, "input_std": 1.0}, "precision": "32-true"}
    made = TrainedModel(network.requires_grad_(False), specification, torch.device("cpu"))
    sound = torch.randn(1, 1, 1, 3200)
    (one,) = saliency(made, sound, torch.tensor([1]))
    assert one.shape == (1, STRETCHES) and one[0, 80] == 1 and one.sum() == 1
    network[1].weight.data[1] = 0.01  # all alike: how loud it is decides
    (one,) = saliency(made, sound, torch.tensor([1]))
    loudness = sound.abs().reshape(STRETCHES, 20).mean(1)
    torch.testing.assert_close(one[0], loudness / loudness.max())


def test_the_nearest_is_the_clip_itself_however_loud(model):
    others = torch.randn(70, 1, 16, 12)
    rows, cosines = nearest(model, 3 * others[[5, 66]], others, 2)
    assert rows[:, 0].tolist() == [5, 66]
    assert cosines[:, 0].tolist() == pytest.approx([1, 1], abs=1e-5)
    flat = others.flatten(1).numpy()
    expected = flat @ flat[5] / np.linalg.norm(flat, axis=1) / np.linalg.norm(flat[5])
    assert cosines[0, 1].item() == pytest.approx(np.sort(expected)[-2], abs=1e-5)


def test_a_forest_has_no_gradient_and_yet_finds_what_is_alike():
    x, y = torch.randn(40, 1, 6, 12), np.arange(40) % 2
    forest = RandomForest(2, n_estimators=5)
    forest.fit(forest.describe(x).numpy(), y, seed=0)
    specification = {"config": {"input_mean": 0.0, "input_std": 1.0}, "precision": "32-true"}
    model = TrainedModel(forest, specification, torch.device("cpu"))
    with pytest.raises(UserError, match="no gradient"):
        saliency(model, x[:3], torch.zeros(3, dtype=torch.int64))
    rows, _ = nearest(model, x[[5, 30]], x, 2)
    assert rows[:, 0].tolist() == [5, 30]

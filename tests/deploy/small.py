"""A checkpoint's model that is made in no time: random weights, half-second clips at 8 kHz."""

import torch
from torch import nn

from esc50.model.trained import TrainedModel

FEATURES = {
    "sample_rate": 8000,
    "seconds": 0.5,
    "n_fft": 256,
    "hop_length": 64,
    "n_mels": 32,
    "frames": 60,
    "height": 32,
    "width": 20,
}


def network(n_classes: int) -> nn.Module:
    """A convolution, its norm and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, n_classes),
    )


def small_model(seed: int = 0, input_mean: float = 0.5, **facts) -> TrainedModel:
    """A model of three classes, of a run that never was."""
    torch.manual_seed(seed)
    specification = {
        "classes": ["dog", "rain|<b>", "sea_waves"],
        "features": FEATURES,
        "config": {
            "model": {"_target_": "tests.deploy.small.network"},
            "input_mean": input_mean,
            "input_std": 0.5,
            "batch_size": 16,
        },
        "precision": "32-true",
        "experiment": "small",
        "data": "esc10",
        "pretrained_on": None,
        "protocol": "official",
        "fold": 1,
        "seed": seed,
        "signature": "0123456789",
        "leaky": False,
        "synthetic": False,
    }
    made = network(3).eval().requires_grad_(False)
    made[-1].weight.mul_(30)  # answers that differ from clip to clip
    return TrainedModel(made, {**specification, **facts}, torch.device("cpu"))

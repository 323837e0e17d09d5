"""A checkpoint's model that is made in no time: random weights, half-second clips at 8 kHz."""

from pathlib import Path

import numpy as np
import soundfile
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


def make_recordings(root: Path) -> dict:
    """Write two recordings of 1.2 s for each class; returns the `data` section that cuts them."""
    rng = np.random.default_rng(0)
    for name in ("dog", "rain", "sea"):
        (root / name).mkdir(parents=True)
        for letter in "ab":
            wave = np.concatenate([np.zeros(4000), rng.normal(0, 0.1, 5600)])
            soundfile.write(root / name / f"{letter}.wav", np.stack([wave, -wave], 1), 8000)
    return {
        "_target_": "esc50.data.datasets.Folder", "root": str(root), "takes": False, "folds": 2,
        "windows": 0.5, "cache_dir": str(root.parent / "cache"),
    }  # fmt: skip


def model_of_recordings(data: dict, **facts) -> TrainedModel:
    """A model of these recordings' first channel, tested on their fold 1."""
    model = small_model(**facts)
    split = {"protocol": "literature", "fold": 1}
    return small_model(
        classes=["dog", "rain", "sea"],
        class_labels=[0, 1, 2],
        features={**FEATURES, "channel": 1},
        config={**model.config, "data": data, "split": split, "seed": 0},
        **facts,
    )

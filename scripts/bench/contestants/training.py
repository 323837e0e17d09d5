"""Contestants that train the ResNet-18: clips per second."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from bench.contest import Turns
from esc50.config.composition import compose_config, compose_plain
from esc50.config.hardware import resolve_precision
from esc50.config.targets import build
from esc50.data.datamodule import ESC50DataModule
from esc50.model.resnet import optimize_memory_layout, single_channel_resnet18
from esc50.training.module import build_module
from esc50.training.process.environment import setup_environment

N_CLASSES = 50


class Clock(pl.Callback):
    """Takes a turn every epoch; the first epoch is for warming up."""

    def __init__(self, turns: Turns):
        """Take the line to the parent."""
        self.turns, self.items = turns, 0
        self.started: float | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Count the items."""
        self.items += len(batch["y"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Report, then wait for the next turn; its clock runs from the end of this epoch."""
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        if self.started is not None:
            self.turns.report(self.items / (time.perf_counter() - self.started))
        trainer.should_stop = not self.turns.wait()
        self.items, self.started = 0, time.perf_counter()


def ours(
    turns: Turns,
    clips: str,
    cache_dir: str,
    augment: str,
    batch_size: int,
    steps: int,
    size: int = 128,
) -> None:
    """Train as train.py does: its config, data module, Classifier, precision and malloc."""
    plain = _config(clips, cache_dir, augment, batch_size, size)
    setup_environment(plain["seed"])
    data = ESC50DataModule.from_config(plain)
    data.setup()
    settings = plain["trainer"] | {
        "precision": resolve_precision(plain["trainer"]),
        "max_epochs": -1,
        "limit_train_batches": max(1, min(steps, len(data.split.train) // batch_size)),
        "limit_val_batches": 0,
        "enable_progress_bar": False,
    }
    given = {"callbacks": [Clock(turns)], "logger": False, "enable_checkpointing": False}
    trainer = build("trainer", settings, given)
    module = build_module(plain, data, {})
    trainer.fit(module, datamodule=data)


def published(turns: Turns, folder: str, batch_size: int, steps: int) -> None:
    """Train by the published loop from .npy files, one per clip; what is in them costs nothing."""
    from bench.contestants.published import SIZE, Files, Training

    n, rng = batch_size * steps, np.random.default_rng(0)
    Path(folder).mkdir()
    paths = [Path(folder) / f"{i}.npy" for i in range(n)]
    for path in paths:
        np.save(path, rng.standard_normal((SIZE, SIZE), np.float32))
    files = Files(paths, rng.integers(0, N_CLASSES, n).tolist())
    loader = DataLoader(files, batch_size=batch_size, shuffle=True)
    training = Training(N_CLASSES)
    training.epoch(loader)
    while turns.wait():
        start = time.perf_counter()
        training.epoch(loader)
        turns.report(n / (time.perf_counter() - start))


def lightning(turns: Turns, batch_size: int, steps: int, size: int = 128) -> None:
    """The bare step with Lightning's loop around it, on one batch: no data, metrics or logs."""
    plain = compose_plain()
    setup_environment(plain["seed"])
    x = torch.randn(batch_size, 1, size, size)
    batch = {"x": x, "y": torch.randint(N_CLASSES, (batch_size,))}
    network = optimize_memory_layout(single_channel_resnet18(N_CLASSES), (size, size))
    settings = plain["trainer"] | {
        "precision": resolve_precision(plain["trainer"]),
        "max_epochs": -1,
        "enable_progress_bar": False,
    }
    given = {"callbacks": [Clock(turns)], "logger": False, "enable_checkpointing": False}
    module = BareModule(network, build("optimizer", plain["optimizer"]))
    trainer = build("trainer", settings, given)
    if trainer.strategy.root_device.type == "cuda":
        batch = {name: value.cuda() for name, value in batch.items()}
    batches = cast(Dataset, [batch] * steps)  # a list is one in all but name
    loader = DataLoader(batches, batch_size=None)
    trainer.fit(module, train_dataloaders=loader)


class BareModule(pl.LightningModule):
    """A network and its loss, and nothing else."""

    def __init__(
        self,
        network: nn.Module,
        make_optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
    ):
        """Take the network and what makes its optimiser."""
        super().__init__()
        self.network, self.make_optimizer = network, make_optimizer

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Cross-entropy of one batch."""
        return F.cross_entropy(self.network((batch["x"] - 0.5) / 0.5), batch["y"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The config's."""
        return self.make_optimizer(self.parameters())


def _config(clips: str, cache_dir: str, augment: str, batch_size: int, size: int) -> dict:
    pictures = [f"features.height={size}", f"features.width={size}"]
    cfg = compose_config([f"augment={augment}", f"batch_size={batch_size}", *pictures])
    cfg.data.root, cfg.data.cache_dir = clips, cache_dir
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return plain

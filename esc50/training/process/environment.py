"""What a process needs before it trains: seeds, memory, a quiet console."""

import gc

import pytorch_lightning as pl
import torch

from esc50.training.process.log_filters import filter_logs
from esc50.training.process.memory import keep_freed_memory


def setup_environment(seed: int) -> None:
    """Seed every generator and prepare this process for a training run."""
    filter_logs()
    keep_freed_memory()
    # The last run's trainer, network and data hold one another: freed now, their memory serves
    # this run.
    gc.collect()
    # Lightning's `deterministic` has fresh memory filled with NaN, which finds bugs and costs a
    # pass over every activation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    pl.seed_everything(seed, workers=True, verbose=False)

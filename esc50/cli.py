"""The command `esc50-train`, which `train.py` is in a clone of the repository."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from esc50.config.choices import CONF, refuse_overrides
from esc50.config.resolvers import register_resolvers
from esc50.errors import exit_on_error
from esc50.sweep.plugins import register_plugins


def train() -> None:
    """Run the command line: one experiment, or with -m a sweep of them."""
    refuse_overrides(sys.argv[1:])
    register_resolvers()
    register_plugins()
    _train()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def _train(cfg: DictConfig) -> float | None:
    """Train as the config says; bad input is one sentence and exit code 1.

    A job of a sweep runs in a process of its own; if it fails, the others go on.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        from esc50.sweep.run_job import run_job

        return run_job(cfg)
    with exit_on_error():
        from esc50.config.validation import check

        check(cfg)
        from esc50.training.experiment import run  # torch loads here, when the config is good

        return run(cfg, Path(HydraConfig.get().runtime.output_dir))

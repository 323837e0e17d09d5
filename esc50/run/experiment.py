"""One command: a fold, or the five in turn."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from esc50.run.crossval import cross_validate
from esc50.run.fold import run_fold
from esc50.run.report import print_fold


def run(cfg: DictConfig) -> float | None:
    """Run what the config says; returns the monitored metric, which is what a sweep optimises.

    Under a protocol without validation there is none, and the result is None.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    if cfg.split.fold == "all":
        return cross_validate(cfg, folder)
    results = run_fold(cfg, folder)
    print_fold(results, folder)
    return results.get(cfg.monitor)

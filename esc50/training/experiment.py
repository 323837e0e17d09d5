"""Runs what a config asks for: one fold, or all in turn."""

from pathlib import Path

from omegaconf import DictConfig

from esc50.errors import Stopped
from esc50.results.display.console import print_fold, print_next_steps
from esc50.training.cross_validation import cross_validate
from esc50.training.fold import run_fold


def run(cfg: DictConfig, folder: Path) -> float | None:
    """Run what the config says, in `folder`.

    Returns:
        The monitored metric, which is what a sweep optimises; None under a protocol without
        validation.
    """
    try:
        if cfg.split.fold == "all":
            return cross_validate(cfg, folder)
        results = run_fold(cfg, folder)
        print_fold(results, folder)
        print_next_steps(results)
    except Stopped as stop:  # between folds, or while the report is written
        stop.remedy = stop.remedy or f"the same command does what is left to do in {folder}"
        raise
    return results.get(cfg.monitor)

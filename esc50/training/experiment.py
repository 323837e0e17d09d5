"""One command: a fold, or the five in turn."""

from pathlib import Path

from omegaconf import DictConfig

from esc50.results.console import print_fold
from esc50.training.cross_validation import cross_validate
from esc50.training.distributed import is_nonzero_rank
from esc50.training.fold import FoldRun, run_fold


def run(cfg: DictConfig, folder: Path) -> float | None:
    """Run what the config says, in `folder`.

    Returns:
        The monitored metric, which is what a sweep optimises; None under a protocol without
        validation, and in a process that but helps another one with its run.
    """
    if is_nonzero_rank():
        FoldRun(cfg, folder).follow(cfg.ckpt_path and Path(cfg.ckpt_path))
        return None
    if cfg.split.fold == "all":
        return cross_validate(cfg, folder)
    results = run_fold(cfg, folder)
    print_fold(results, folder)
    return results.get(cfg.monitor)

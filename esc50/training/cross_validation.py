"""Runs all folds in one process, and summarises them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, open_dict

from esc50.data.split import choosable_folds
from esc50.errors import UserError
from esc50.report.at_end import report_at_end
from esc50.results.display.console import print_fold, show_summary
from esc50.results.recipes.summary import log_to_tensorboard, summarise
from esc50.training.fold import FoldRun, run_fold
from esc50.training.pruning import report


def cross_validate(
    cfg: DictConfig, folder: Path, show: Callable[[Mapping[str, Any], Path], None] = print_fold
) -> float | None:
    """Run the folds of the config's table in turn, below `folder`, and summarise them there.

    A fold that fails does not keep the others from running.

    Args:
        cfg: the composed config.
        folder: of the seed, in which each fold gets its own.
        show: prints one fold's results.

    Returns:
        The mean of the monitored metric over the folds; None under a protocol without validation.

    Raises:
        UserError: naming the folds that failed, after the summary of the others is written.
        TrialPruned: the search's pruner ends this trial after some of its folds.
    """
    runs: list[Path] = []
    failed: dict[str, UserError] = {}
    monitored: list[float | None] = []
    cfg = cfg.copy()
    with open_dict(cfg):
        cfg.callbacks.search = None  # a trial is judged by folds here, not by epochs
    folds = choosable_folds(FoldRun(cfg, folder).data.table, cfg.split.protocol)
    for fold in folds:
        one = cfg.copy()
        with open_dict(one):
            one.split.fold = fold
        try:
            results = run_fold(one, folder / f"fold{fold}")
        except UserError as error:
            failed[f"fold {fold}, seed {cfg.seed}"] = error
            continue
        show(results, folder / f"fold{fold}")
        runs.append(folder / f"fold{fold}")
        monitored.append(results.get(cfg.monitor))
        if (mean := _mean(monitored)) is not None:
            report(cfg.trial, mean, len(runs) - 1)
    if runs:
        reasons = {name: str(error) for name, error in failed.items()}
        summary = summarise(runs, folds, out=folder, failed=reasons)
        log_to_tensorboard(summary, folder)
        show_summary(summary, folder)
        if cfg.report:
            report_at_end(folder, anew=True)
    if failed:
        name, first = next(iter(failed.items()))
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise type(first)(f"{name} failed{more}: {first}")
    return _mean(monitored)


def _mean(values: list[float | None]) -> float | None:
    """The mean; None where a value is missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None

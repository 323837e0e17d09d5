"""The summary over the runs of one recipe: folds, and seeds.

Accuracy is given twice over. `test/acc_mean` and `test/acc_std` are over the runs, as papers
report them. `test/acc_ci95` is about the tested clips, all runs pooled: `clustered_wilson`.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from esc50.atomic import atomic_write_text
from esc50.data.tables.table import SUPER_CATEGORIES
from esc50.errors import UserError
from esc50.results.labels import tag
from esc50.results.predictions import (
    PooledPredictions,
    Run,
    pool_predictions,
    read_run,
    run_name,
)
from esc50.results.recipes.ensemble import ensemble
from esc50.results.recipes.summary_text import heading, markdown
from esc50.results.run_folder import why_unfinished
from esc50.results.statistics import calibration_error, clustered_wilson, f1_macro, log_loss

CONFUSED = 10
INTERVAL = (
    "95% Wilson interval of the pooled accuracy over the tested clips, their number lowered by the "
    "design effect of clips cut from one recording (Korn and Graubard 1998); a clip tested with "
    "several seeds counts once"
)
RUN_KEYS = ("seed", "fold", "n_test", "test/acc", "test/f1_macro", "test/loss", "val/acc")


def summarise(
    runs: Sequence[Path],
    expected_folds: Sequence[int] = (),
    *,
    out: Path,
    expected_seeds: Sequence[int] = (),
    failed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Gather the runs of one recipe into `out`: summary.json, summary.md and figures.

    Args:
        runs: run folders; one that holds no finished run counts as missing.
        expected_folds: the folds that make it complete; none: those that are there.
        out: the folder to write to; earlier summaries there are replaced.
        expected_seeds: the seeds that make it complete; none: those that are there.
        failed: reason by name ("fold 3, seed 42") of runs that failed.

    Returns:
        The contents of summary.json. `complete` is false when a run failed or is missing, and
        `missing` then holds the reasons by name.

    Raises:
        UserError: no run is finished, one is damaged or twice there, or they are of different
            recipes or data.
    """
    missing = dict(failed or {})
    finished = []
    for folder in runs:
        reason = why_unfinished(folder)
        if reason is None:
            finished.append(read_run(folder))
        else:
            missing.setdefault(_name(folder), reason)
    if not finished:
        reasons = "; ".join(f"{name}: {why}" for name, why in missing.items()) or "none given"
        raise UserError(f"{out}: there is no finished run to summarise ({reasons})")
    _check_alike(finished)
    finished.sort(key=lambda run: run.seed_and_fold)
    have = {run.seed_and_fold for run in finished}
    for seed in expected_seeds or sorted({seed for seed, _ in have}):
        for fold in expected_folds or sorted({fold for _, fold in have}):
            if (seed, fold) not in have:
                missing.setdefault(run_name(seed, fold), "no finished run")
    summary = _finite(
        {
            **_identity(finished, missing),
            **_over_runs(finished),
            **_over_clips(finished),
            "ensemble": ensemble(finished),
        }
    )
    _write(summary, out)
    return summary


def log_to_tensorboard(summary: Mapping[str, Any], folder: Path) -> None:
    """Write a summary's scalars, text and figures as TensorBoard events into `folder`.

    Tags of leaky numbers say so.
    """
    from torch.utils.tensorboard import SummaryWriter

    from esc50.results.display.figures import classes_figure, confusion_figure

    leaky, title = summary["leaky"], heading(summary)
    with SummaryWriter(str(folder)) as writer:
        for key, value in summary.items():
            if "/" in key and isinstance(value, int | float):
                writer.add_scalar(tag(leaky, key), value)
        for run in summary["runs"]:
            name = tag(leaky, f"test/acc_by_fold/seed{run['seed']}")
            writer.add_scalar(name, run["test/acc"], run["fold"])
        confusion = np.array(summary["confusion"])
        figures = {
            "confusion": confusion_figure(confusion, summary["classes"], title),
            "classes": classes_figure(summary["per_class"], title),
        }
        for name, figure in figures.items():
            writer.add_figure(tag(leaky, f"summary/{name}"), figure, close=False)
        writer.add_text(tag(leaky, "summary"), markdown(summary))


def _name(folder: Path) -> str:
    match = re.search(r"seed(\d+)/fold(\d+)$", folder.as_posix())
    return run_name(int(match[1]), int(match[2])) if match else folder.name


def _check_alike(runs: list[Run]) -> None:
    """Refuse runs that are not folds and seeds of one recipe on one data set."""
    first = runs[0]
    seen: dict[tuple[int, int], Path] = {}
    for run in runs:
        for key, what in (("signature", "recipe"), ("data_digest", "data set")):
            mine, other = run.results.get(key), first.results.get(key)
            if mine != other:
                raise UserError(
                    f"{run.folder} and {first.folder} are not of one {what} "
                    f"({key} {mine} and {other}): summarise them apart"
                )
        if run.seed_and_fold in seen:
            both = f"{seen[run.seed_and_fold]} and {run.folder}"
            raise UserError(f"{both} are both {run.name}: give one of them")
        seen[run.seed_and_fold] = run.folder


def _identity(runs: list[Run], missing: Mapping[str, str]) -> dict[str, Any]:
    def distinct(key: str) -> list:
        return list(dict.fromkeys(run.results.get(key) for run in runs if run.results.get(key)))

    first = runs[0].results
    return {
        "experiment": first["experiment"],
        "protocol": first["protocol"],
        "leaky": any(run.results["leaky"] for run in runs),
        "synthetic": any(run.results.get("synthetic") for run in runs),
        "signature": first["signature"],
        "data": first.get("data"),
        "data_digest": first.get("data_digest"),
        "complete": not missing,
        "missing": dict(missing),
        "folds": sorted({run.results["fold"] for run in runs}),
        "seeds": sorted({run.results["seed"] for run in runs}),
        "n_runs": len(runs),
        "n_train": max((run.results.get("n_train") or 0 for run in runs), default=0),
        "seconds_fit": sum(run.results.get("seconds_fit") or 0 for run in runs),
        "git_commit": distinct("git_commit"),
        "audit": distinct("audit"),
    }


def _over_runs(runs: list[Run]) -> dict[str, Any]:
    """Compute mean and spread over the runs, each as its own results.json has it."""

    def mean(key: str) -> float | None:
        values = [run.results[key] for run in runs if run.results.get(key) is not None]
        return float(np.mean(values)) if values else None

    accuracy = {run.seed_and_fold: run.results["test/acc"] for run in runs}
    folds = sorted({fold for _, fold in accuracy})
    by_seed = {
        str(seed): [accuracy.get((seed, fold)) for fold in folds]
        for seed in sorted({seed for seed, _ in accuracy})
    }
    by_fold = [[a for (_, f), a in accuracy.items() if f == fold] for fold in folds]
    values = list(accuracy.values())
    return {
        "test/acc_mean": float(np.mean(values)),
        "test/acc_std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "test/acc_folds": [float(np.mean(seeds)) for seeds in by_fold],
        "test/acc_seeds": by_seed,
        "test/f1_macro_mean": mean("test/f1_macro"),
        "test/loss_mean": mean("test/loss"),
        "test/acc_category5_mean": mean("test/acc_category5"),
        "val/acc_mean": mean("val/acc"),
        "train/acc_mean": mean("train/acc"),
        "runs": [{key: run.results.get(key) for key in RUN_KEYS} for run in runs],
    }


def _over_clips(runs: list[Run]) -> dict[str, Any]:
    """Compute the statistics of all tests of all runs together."""
    tests = pool_predictions(runs)
    n_classes = len(tests.classes)
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(confusion, (tests.targets, tests.predictions), 1)
    esc50 = all(run.results.get("test/acc_category5") is not None for run in runs)
    return {
        "n_test": len(tests.clips),
        "n_clips": len(set(tests.clips)),
        "n_sources": len(set(tests.sources)),
        "n_classes": n_classes,
        "test/acc": float(tests.correct.mean()),
        "test/acc_ci95": list(clustered_wilson(tests.correct, tests.clips, tests.sources)),
        "test/acc_ci95_method": INTERVAL,
        "test/f1_macro": f1_macro(tests.targets, tests.predictions),
        "test/log_loss": log_loss(tests.probabilities, tests.targets),
        "test/ece": calibration_error(tests.probabilities, tests.correct),
        "per_class": _by_class(tests),
        "per_category": _by_category(tests) if esc50 else None,
        "confused": _confused(tests.classes, confusion),
        "classes": list(tests.classes),
        "confusion": confusion.tolist(),
    }


def _accuracy(tests: PooledPredictions, chosen: np.ndarray) -> dict[str, Any]:
    """Compute the accuracy on some of the tests, and its interval."""
    right = tests.correct[chosen]
    low, high = clustered_wilson(right, tests.clips[chosen], tests.sources[chosen])
    return {"n": int(chosen.sum()), "acc": float(right.mean()), "low": low, "high": high}


def _by_class(tests: PooledPredictions) -> list[dict[str, Any]]:
    return [
        {"class": name, "label": int(number), **_accuracy(tests, tests.targets == index)}
        for index, (name, number) in enumerate(zip(tests.classes, tests.class_labels, strict=True))
        if (tests.targets == index).any()
    ]


def _by_category(tests: PooledPredictions) -> list[dict[str, Any]]:
    """Compute the accuracy among each super-category: the class right, the category right."""
    category = tests.class_labels // 10
    target, prediction = category[tests.targets], category[tests.predictions]
    return [
        {
            "category": name,
            **_accuracy(tests, target == index),
            "acc_category5": float((prediction == index)[target == index].mean()),
        }
        for index, name in enumerate(SUPER_CATEGORIES)
        if (target == index).any()
    ]


def _confused(classes: Sequence[str], confusion: np.ndarray) -> list[dict[str, Any]]:
    """List the most frequent errors; `share` is of the target class's tests."""
    wrong = confusion * (1 - np.eye(len(classes), dtype=np.int64))
    pairs = []
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]:
        target, prediction = divmod(int(flat), len(classes))
        count = int(wrong[target, prediction])
        if count:
            share = count / int(confusion[target].sum())
            names = {"target": classes[target], "prediction": classes[prediction]}
            pairs.append({**names, "count": count, "share": share})
    return pairs


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold (a diverged run's NaN) by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(summary: dict[str, Any], out: Path) -> None:
    """Write all files of the summary, each whole or not at all, summary.json last."""
    from esc50.results.display.figures import classes_figure, confusion_figure, save

    title = heading(summary)
    confusion = np.array(summary["confusion"])
    try:
        out.mkdir(parents=True, exist_ok=True)
        save(confusion_figure(confusion, summary["classes"], title), out / "confusion.png")
        save(classes_figure(summary["per_class"], title), out / "classes.png")
        atomic_write_text(out / "summary.md", markdown(summary))
        atomic_write_text(
            out / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n"
        )
    except OSError as error:
        raise UserError(f"{out}: the summary cannot be written ({error.strerror})") from None

"""What a finished run says on the console."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from esc50.config.typed import as_command
from esc50.errors import UserError, printable
from esc50.results.display.layout import show_table
from esc50.results.display.tables import Table
from esc50.results.labels import label, started_from
from esc50.results.predictions import Run, pool_predictions, read_run
from esc50.results.recipes.summary_text import console_table
from esc50.results.statistics import describe_accuracy

BEFORE = ("train/acc", "val/acc", "val/loss")
TESTED = ("test/acc", "test/loss", "test/f1_macro", "test/acc_category5")
WORST = 10  # classes that are named


def show_summary(summary: Mapping[str, Any], folder: Path) -> None:
    """Print a summary's table and where it lies."""
    show_table(console_table(summary))
    print(f"the summary is in {folder / 'summary.md'}")


def print_fold(results: Mapping[str, Any], folder: Path) -> None:
    """Show one run's metrics, how far to trust them, its audit, and where everything lies."""
    show_table(run_table(results, read_run(folder)))
    print(printable(f"audit: {results['audit']}"))
    print(f"everything is in {folder}")
    print(f"  tensorboard --logdir {shlex.quote(str(folder))}")


def print_fold_briefly(results: Mapping[str, Any], folder: Path) -> None:
    """Show one run's accuracy in a line, where a table of many runs is to follow."""
    about = f"{results['experiment']}, {results['protocol']} split, fold {results['fold']}"
    about += f": test/acc {results['test/acc']:.4f}{label(results)}, in {folder}"
    print(printable(about))


def print_next_steps(results: Mapping[str, Any]) -> None:
    """Say in three lines what people do after a single run."""
    steps = ["split.fold=all tests every fold: one alone says little"]
    steps += [f"{as_command('results')} ranks and compares all runs so far"]
    if results.get("synthetic"):
        real = "data=esc10 downloads it, data=folder data.root=FOLDER takes your own"
        steps += [f"synthetic sound tells nothing about real sound: {real}"]
    else:
        steps += ["-m seed=1,2,3 repeats it with other seeds: one says little as well"]
    print("what next:", *steps, sep="\n  ")


def run_table(results: Mapping[str, Any], run: Run) -> Table:
    """Write one run's metrics as a table, with what they were computed from and on.

    Args:
        results: the contents of results.json.
        run: the same run with its predictions.
    """
    data = f" on {results['data']}" if results.get("data") else ""
    title = (
        f"{results['experiment']}{data}, {results['protocol']} split, fold {results['fold']}, "
        f"seed {results['seed']}{label(results)}"
    )
    table = Table(title, ["metric", "value"], n_names=2)
    table.rows += [[key, f"{results[key]:.4f}"] for key in BEFORE[:1] if _has(results, key)]
    table.rows += _metrics(results, BEFORE[1:] + TESTED[:1])
    table.rows += _doubt(run, label(results))
    table.rows += _metrics(results, TESTED[1:])
    if classes := _by_class(run):
        table.rows.append(["right by class", classes + label(results)])
    sizes = (
        f"{results['n_train']} items of {results['n_train_clips']} clips, "
        f"{results['n_val']} validation, {results['n_test']} test"
    )
    table.rows.append(["trained on", sizes])
    table.rows.append(["epochs, seconds", f"{results['epochs']}, {results['seconds_fit']:.0f}"])
    where = "{precision} on {device}, threads: {threads}, {processor}".format(**results)
    table.rows.append(["computed", where])
    if start := started_from(results):
        table.rows.append(["started from", start])
    if results.get("teachers"):
        table.rows.append(["taught by", str(results["teachers"])])
    return table


def _metrics(results: Mapping[str, Any], keys: tuple[str, ...]) -> list[list[str]]:
    words = label(results)
    return [[key, f"{results[key]:.4f}{words}"] for key in keys if _has(results, key)]


def _doubt(run: Run, words: str) -> list[list[str]]:
    """How far the accuracy may be off, and what it is to be compared with."""
    told = describe_accuracy(run.labels, run.predicted_labels, run.clips, run.sources)
    interval = (
        "{test/acc_ci95_low:.4f} to {test/acc_ci95_high:.4f}, {clips} clips of "
        "{n_test_recordings} recordings".format(**told, clips=len(run.labels))
    )
    chance = f"{told['test/acc_chance']:.4f}, by always naming the commonest class"
    return [["  95% interval", interval + words], ["  chance", chance]]


def _has(results: Mapping[str, Any], key: str) -> bool:
    return results.get(key) is not None


def _by_class(run: Run) -> str:
    """How many tests of each class were right, worst first; "" where no number has a name."""
    try:
        tests = pool_predictions([run])
    except UserError:  # a debug run's few clips do not tell which number is which class
        return ""
    counts = np.bincount(tests.targets, minlength=len(tests.classes))
    right = np.bincount(tests.targets, tests.correct, minlength=len(tests.classes))
    order = np.argsort(right / np.maximum(counts, 1), kind="stable")
    order = order[counts[order] > 0]
    words = [f"{tests.classes[i]} {right[i]:.0f}/{counts[i]}" for i in order[:WORST]]
    return ", ".join(words) + (", ..." if len(order) > WORST else "")

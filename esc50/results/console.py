"""What a finished run says on the console."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esc50.results.labels import label
from esc50.results.layout import show_table
from esc50.results.summary import log_to_tensorboard
from esc50.results.summary_text import console_table
from esc50.results.tables import Table

SHOWN = ("train/acc", "val/acc", "val/loss", "test/acc", "test/f1_macro", "test/acc_category5")


def show_summary(summary: Mapping[str, Any], folder: Path) -> None:
    """Print a summary's table and where it lies, and add it to TensorBoard."""
    log_to_tensorboard(summary, folder)
    show_table(console_table(summary))
    print(f"the summary is in {folder / 'summary.md'}")


def print_fold(results: Mapping[str, Any], folder: Path) -> None:
    """Show one run's metrics, its audit, and where everything lies."""
    show_table(run_table(results))
    print(f"audit: {results['audit']}")
    print(f"everything is in {folder}")
    print(f"  tensorboard --logdir {folder}")


def run_table(results: Mapping[str, Any]) -> Table:
    """Write one run's metrics as a table, with what they were computed from and on."""
    data = f" on {results['data']}" if results.get("data") else ""
    title = (
        f"{results['experiment']}{data}, {results['protocol']} split, fold {results['fold']}, "
        f"seed {results['seed']}{label(results)}"
    )
    table = Table(title, ["metric", "value"], n_names=2)
    for key in SHOWN:
        value = results.get(key)
        if value is not None:
            words = "" if key.startswith("train/") else label(results)
            table.rows.append([key, f"{value:.4f}{words}"])
    sizes = (
        f"{results['n_train']} items of {results['n_train_clips']} clips, "
        f"{results['n_val']} validation, {results['n_test']} test"
    )
    table.rows.append(["trained on", sizes])
    table.rows.append(["epochs, seconds", f"{results['epochs']}, {results['seconds_fit']:.0f}"])
    where = "{precision} on {device}, threads: {threads}, {processor}".format(**results)
    table.rows.append(["computed", where])
    start = results.get("origin") or results.get("pretrained_on")
    if start:
        table.rows.append(["started from", str(start)])
    return table

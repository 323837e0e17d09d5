"""What a finished run says on the console."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from esc50.results.summary import log_to_tensorboard
from esc50.results.summary_text import console_table

SHOWN = ("train/acc", "val/acc", "val/loss", "test/acc", "test/f1_macro", "test/acc_category5")


def label(results: Mapping[str, Any]) -> str:
    """Words that must stand wherever a number of this run does: leaky, synthetic sound."""
    words = [
        word
        for word, on in (("LEAKY", results["leaky"]), ("synthetic sound", results["synthetic"]))
        if on
    ]
    return f" ({', '.join(words)})" if words else ""


def show_summary(summary: Mapping[str, Any], folder: Path) -> None:
    """Print a summary's table and where it lies, and add it to TensorBoard."""
    log_to_tensorboard(summary, folder)
    console = Console()
    console.print(console_table(summary))
    console.print(f"the summary is in {folder / 'summary.md'}", soft_wrap=True, highlight=False)


def print_fold(results: Mapping[str, Any], folder: Path) -> None:
    """Show one run's metrics, its audit, and where everything lies."""
    console = Console()
    title = (
        f"{results['experiment']}, {results['protocol']} split, fold {results['fold']}, "
        f"seed {results['seed']}{label(results)}"
    )
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for key in SHOWN:
        value = results.get(key)
        if value is not None:
            table.add_row(key, f"{value:.4f}{label(results) if key.startswith('test/') else ''}")
    sizes = (
        f"{results['n_train']} items of {results['n_train_clips']} clips, "
        f"{results['n_val']} validation, {results['n_test']} test"
    )
    table.add_row("trained on", sizes)
    table.add_row("epochs, seconds", f"{results['epochs']}, {results['seconds_fit']:.0f}")
    where = "{precision} on {device}, {threads} threads of {processor}".format(**results)
    table.add_row("computed", where)
    if results["origin"] or results["pretrained_on"]:
        table.add_row("started from", results["origin"] or results["pretrained_on"])
    console.print(table)
    console.print(f"audit: {results['audit']}", soft_wrap=True)
    console.print(f"everything is in {folder}", soft_wrap=True, highlight=False)
    console.print(f"  tensorboard --logdir {folder}", soft_wrap=True, highlight=False)

"""Where the time of a run went: trainer.profiler's report, on the console and in a file."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl

from esc50.results.display.layout import show_table
from esc50.results.display.tables import Table

SHOWN = 15  # actions in the printed table


class ProfileReport(pl.Callback):
    """Has the profiler write its whole report beside the run, and prints its largest entries."""

    def __init__(self, folder: Path):
        """Take the run's folder."""
        self.folder = folder

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Give the profiler a file, which Lightning's logging would otherwise swallow."""
        self.profiler: Any = vars(trainer)["profiler"]  # which Lightning does not declare
        self.profiler.dirpath, self.profiler.filename = self.folder, "profile"

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Print what took longest, and where all of it is."""
        durations = getattr(self.profiler, "recorded_durations", None)
        if not trainer.is_global_zero:
            return
        if durations:  # the simple profiler's
            show_table(profile_table(durations))
        print(f"the whole profile is in {self.folder / 'fit-profile.txt'}")


def profile_table(durations: dict[str, list[float]]) -> Table:
    """List the actions that took longest; one contains those that it calls.

    Args:
        durations: seconds of every call, by action.
    """
    total = {action: float(np.sum(seconds)) for action, seconds in durations.items()}
    longest = sorted(total, key=lambda action: -total[action])[:SHOWN]
    rows = [
        [
            re.sub(r"{.*}", "", action),  # a callback's state
            str(len(durations[action])),
            f"{1000 * total[action] / len(durations[action]):.1f}",
            f"{total[action]:.2f}",
        ]
        for action in longest
    ]
    columns = ["action", "calls", "mean, ms", "total, s"]
    return Table("where the time of training went", columns, rows)

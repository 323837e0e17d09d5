"""The curves of a run as a table, which goes on where a run that was cut off does."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.utilities import rank_zero_only

from esc50.atomic import atomic_write


class CurveTable(pl.loggers.CSVLogger):
    """Lightning's, which begins metrics.csv anew also in a run that goes on from a checkpoint."""

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "",
        version: int | str | None = "",
        prefix: str = "",
        flush_logs_every_n_steps: int = 1,
        goes_on: bool = True,
    ):
        """Take Lightning's arguments.

        Args:
            save_dir: see there.
            name: see there.
            version: see there.
            prefix: see there.
            flush_logs_every_n_steps: see there.
            goes_on: whether the rows of before are of the same run, and some of them may be of
                steps which are made again; else their file is kept aside.
        """
        super().__init__(save_dir, name, version, prefix, flush_logs_every_n_steps)
        self.goes_on = goes_on

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """What writes the file."""
        if self._experiment is None:
            path = Path(self.log_dir, "metrics.csv")
            if not self.goes_on:
                keep_aside(path)
            self._experiment = CurveWriter(self.log_dir)
            self._experiment.begin(read_rows(path))
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Write a row; the first one of a run that goes on says from which step it does."""
        writer = self.experiment
        if self.goes_on and step is not None:
            self.goes_on = False
            rows = read_rows(Path(self.log_dir, "metrics.csv"))
            writer.begin([row for row in rows if int(row["step"]) < step])
        super().log_metrics(metrics, step)


class CurveWriter(ExperimentWriter):
    """Lightning's, but for a file that is there already: it stays, and is replaced as a whole."""

    def begin(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Begin with these rows, and add others behind them."""
        self.metrics_keys = sorted({key for row in rows for key in row})
        path = Path(self.metrics_file_path)
        if rows:
            _write(path, self.metrics_keys, rows)
        else:
            path.unlink(missing_ok=True)

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        _write(path, fieldnames, read_rows(path))

    def _check_log_dir_exists(self) -> None:
        """Leave the file of before, which Lightning's deletes."""


def keep_aside(path: Path) -> None:
    """Move a file into the first free of metrics-1.csv, metrics-2.csv, ... beside it."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    if path.exists():
        path.rename(aside)


def read_rows(path: Path) -> list[Mapping[str, str]]:
    """Read the whole rows of a table of curves, without their empty cells; [] if there is none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        # A row that a kill cut off lacks cells, which read as None.
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    filled = [{key: cell for key, cell in row.items() if cell} for row in rows]
    return [row for row in filled if row.get("step", "").isdecimal()]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)

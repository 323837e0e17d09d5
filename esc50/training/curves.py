"""The curves of a run as a table, which goes on where a run that was cut off does."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only


class CurveTable(pl.loggers.CSVLogger):
    """Lightning's, which begins metrics.csv anew also in a run that goes on from a checkpoint.

    Attributes:
        goes_on: whether the file has rows of before that may be of steps which are made again.
    """

    goes_on = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """What writes the file: it has the rows of before."""
        if self._experiment is None:
            rows = read_rows(Path(self.log_dir, "metrics.csv"))
            writer = super().experiment  # which deletes the file
            self.goes_on = bool(rows)
            writer.metrics = rows
            writer.save()
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Write a row; the first one of a run that goes on says from which step it does."""
        if self.experiment and self.goes_on and step is not None:
            self.goes_on = False
            path = Path(self.log_dir, "metrics.csv")
            before = [row for row in read_rows(path) if int(row["step"]) < step]
            path.unlink()
            self.experiment.metrics = before
            self.experiment.save()
        super().log_metrics(metrics, step)


def read_rows(path: Path) -> list[Mapping[str, str]]:
    """Read the whole rows of a table of curves, without their empty cells; [] if there is none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        # A row that a kill cut off lacks cells, which read as None.
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    filled = [{key: cell for key, cell in row.items() if cell} for row in rows]
    return [row for row in filled if row.get("step", "").isdecimal()]

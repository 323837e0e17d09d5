"""What the ledger says, recipe by recipe: folds and seeds together, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from esc50.config.signature import mode
from esc50.errors import UserError
from esc50.results.labels import LEAKY, label, mark
from esc50.results.run_folder import is_finished
from esc50.results.summary_text import spread
from esc50.results.tables import Table

RECIPE = ("signature", "data_digest")
SHOWN = ("test/acc", "test/f1_macro", "test/loss", "val/acc")


@dataclass(frozen=True)
class Standing:
    """One recipe on one data set: the latest row of each of its folds and seeds."""

    rows: list[dict[str, Any]]

    @property
    def experiment(self) -> str:
        """The recipe's name."""
        return str(self.rows[-1].get("experiment"))

    @property
    def handle(self) -> str:
        """The recipe's name, signature and data digest."""
        keys = ("experiment", "signature", "data_digest")
        return "-".join(str(self.rows[-1].get(key)) for key in keys)

    @property
    def leaky(self) -> bool:
        """Whether any of its runs leaks."""
        return any(bool(row.get("leaky")) for row in self.rows)

    @property
    def synthetic(self) -> bool:
        """Whether any of its runs is on made-up sound."""
        return any(bool(row.get("synthetic")) for row in self.rows)

    def values(self, metric: str) -> list[float]:
        """List the metric of the runs that have it."""
        values = [row.get(metric) for row in self.rows]
        return [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]

    def mean(self, metric: str) -> float | None:
        """Average the metric over the runs; None where none has it."""
        values = self.values(metric)
        return float(np.mean(values)) if values else None

    def numbers(self, key: str) -> list[int]:
        """List the folds or the seeds, in order."""
        return sorted({row[key] for row in self.rows if row.get(key) is not None})


def standings(
    rows: Sequence[dict[str, Any]], experiments: Sequence[str] = (), sort: str = "test/acc"
) -> list[Standing]:
    """Group the ledger's rows by recipe and data, best mean of `sort` first.

    Of runs repeated (same recipe, data, fold and seed) the latest counts. Losses and errors are
    best when small; recipes without the metric come last.

    Raises:
        UserError: no rows, or none of these experiments, or no row has the metric.
    """
    if not rows:
        raise UserError("the ledger holds no runs yet")
    known = sorted({str(row.get("experiment")) for row in rows})
    unknown = [name for name in experiments if name not in known]
    if unknown:
        raise UserError(f"no run of {', '.join(unknown)} in the ledger; it has {', '.join(known)}")
    latest: dict[tuple, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: str(row.get("time") or "")):  # stable: file order
        if not experiments or row.get("experiment") in experiments:
            latest[tuple(row.get(key) for key in ("fold", "seed", *RECIPE))] = row
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in latest.values():
        groups.setdefault(tuple(row.get(key) for key in RECIPE), []).append(row)
    found = [Standing(rows) for rows in groups.values()]
    if all(standing.mean(sort) is None for standing in found):
        have = ", ".join(sorted({key for row in rows for key in row if "/" in key}))
        raise UserError(f"no run has a number {sort!r} to sort by; there are {have}")
    sign = 1 if mode(sort) == "min" else -1

    def rank(standing: Standing) -> tuple[bool, float]:
        mean = standing.mean(sort)
        return (True, 0.0) if mean is None or np.isnan(mean) else (False, sign * mean)

    return sorted(found, key=rank)


def standings_tables(found: Sequence[Standing], sort: str = "test/acc") -> list[Table]:
    """Write the standings as tables: the honest recipes, and apart from them the leaky ones."""
    metrics = list(dict.fromkeys((sort, *SHOWN)))
    tables = []
    for leaky, title in (
        (False, "Results, mean ± standard deviation over folds and seeds"),
        (True, f"{LEAKY} results: test or validation clips known from training; not comparable"),
    ):
        own = [standing for standing in found if standing.leaky == leaky]
        marked = mark(leaky)
        columns = ["recipe", "signature", "protocol", "folds", "seeds"]
        table = Table(title, [*columns, *(f"{m}{marked}" for m in metrics), "fit"], n_names=5)
        table.rows = [_row(standing, metrics) for standing in own]
        if own:
            tables.append(table)
    return tables


def find(found: Sequence[Standing], name: str) -> Standing:
    """Find a recipe by its experiment's name or the beginning of its signature.

    "name-signature", as its folder is called, will do as well.

    Raises:
        UserError: none or several fit; the candidates are listed.
    """
    fitting = [
        standing
        for standing in found
        if name == standing.experiment
        or standing.handle.removeprefix(f"{standing.experiment}-").startswith(name)
        or (name.startswith(f"{standing.experiment}-") and standing.handle.startswith(name))
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(
        f"{standing.handle} ({standing.rows[-1].get('protocol')}, {len(standing.rows)} runs)"
        for standing in fitting or found
    )
    if fitting:
        raise UserError(f"{name!r} fits several recipes; give more of one of these: {listed}")
    raise UserError(f"{name!r} is no experiment or signature in the ledger; it has {listed}")


def run_folders(standing: Standing, ledger: Path) -> list[Path]:
    """Find the folders of a recipe's runs: where they were made, else beside the ledger.

    Raises:
        UserError: a run's folder is gone.
    """
    folders = []
    for row in standing.rows:
        made = Path(str(row.get("run_dir")))
        moved = Path(f"{row.get('experiment')}-{row.get('signature')}")
        moved = ledger.parent / moved / f"seed{row.get('seed')}" / f"fold{row.get('fold')}"
        there = [folder for folder in (made, moved) if is_finished(folder)]
        if not there:
            raise UserError(
                f"{made}: the run's predictions are gone (nor are they in {moved}); "
                "run it again to compare it"
            )
        folders.append(there[0])
    return folders


def _row(standing: Standing, metrics: Sequence[str]) -> list[str]:
    last = standing.rows[-1]
    name = standing.experiment + label({"synthetic": standing.synthetic})
    about = [name, str(last.get("signature")), str(last.get("protocol"))]
    counts = [_ranges(standing.numbers("fold")), str(len(standing.numbers("seed")))]
    seconds = sum(standing.values("seconds_fit"))
    cells = [_metric(standing, metric) for metric in metrics]
    return [*about, *counts, *cells, f"{seconds / 60:.1f} min"]


def _metric(standing: Standing, metric: str) -> str:
    mean, values = standing.mean(metric), standing.values(metric)
    if mean is None:
        return "-"
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    if "acc" in metric or "f1" in metric:
        return spread(mean, std)
    return f"{mean:.4f}" + ("" if std is None else f" ± {std:.4f}")


def _ranges(numbers: Sequence[int]) -> str:
    """Write folds so that two recipes on different ones are told apart: 1-5, or 1,2,4."""
    whole = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    return f"{numbers[0]}-{numbers[-1]}" if whole else ",".join(map(str, numbers))

"""What a grid sweep came to: one table with a column per setting that varied, the best first."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from esc50.config.signature import mode
from esc50.config.typed import as_command
from esc50.results.display.layout import show_table
from esc50.results.display.tables import Table
from esc50.results.labels import flags, label, mark
from esc50.results.numbers import spread
from esc50.results.run_folder import find_results
from esc50.sweep.jobs import Job

REPEATED = ("seed", "split.fold")  # what runs of one recipe differ in


@dataclass(frozen=True)
class GridPoint:
    """One combination of a grid: what was set, and what its runs came to."""

    settings: dict[str, str]
    results: list[dict[str, Any]]  # of its finished runs

    def values(self, metric: str) -> list[float]:
        """List the metric of the runs that have it."""
        return [one[metric] for one in self.results if one.get(metric) is not None]


def show_grid(groups: Mapping[Path, Sequence[Job]], typed: Sequence[str], monitor: str) -> None:
    """Print the table, and the command that repeats the best.

    Args:
        groups: the sweep's jobs by their recipe's folder.
        typed: the overrides that the sweep was started with.
        monitor: the metric that chooses; a `test/` one never does.
    """
    points = rank([_point(jobs) for jobs in groups.values()], monitor)
    varied = _varied(points)
    show_table(grid_table(points, varied, monitor))
    if points[0].values(monitor):
        print(f"the best by {monitor} again:\n  {_command(points[0], varied, typed)}")
    elif any(point.results for point in points):  # else all have failed, and it was said why
        print("nothing was validated, so none of them is the best: compare under split=official")


def rank(points: Sequence[GridPoint], monitor: str) -> list[GridPoint]:
    """Order by the mean of the monitored metric, best first; those without it come last.

    Those with fewer runs than others come after these: means over other folds are no match.
    """
    sign = 1 if mode(monitor) == "min" else -1
    most = max((len(point.values(monitor)) for point in points), default=0)

    def place(point: GridPoint) -> tuple[bool, bool, float]:
        values = point.values(monitor)
        return not values, len(values) < most, sign * mean(values) if values else 0.0

    return sorted(points, key=place)


def grid_table(points: Sequence[GridPoint], varied: Sequence[str], monitor: str) -> Table:
    """Write ranked points as a table.

    Args:
        points: see `rank`.
        varied: the settings that have a column.
        monitor: the metric that ranked them.
    """
    words = flags(one for point in points for one in point.results)
    leaky = mark(words["leaky"])
    names = [key.rpartition(".")[2] for key in varied]
    names = names if len(set(names)) == len(names) else list(varied)
    metrics = list(dict.fromkeys((monitor, "val/acc")))  # nothing may be chosen by a test
    columns = [*names, *(f"{metric}{leaky}" for metric in metrics), "runs"]
    title = f"{len(points)} combinations, best {monitor} first{label(words)}"
    table = Table(title, columns, n_names=len(names))
    for point in points:
        cells = [_number(point.values(metric), metric) for metric in metrics]
        chosen = [point.settings.get(key, "-") for key in varied]
        table.rows.append([*chosen, *cells, str(len(point.results))])
    return table


def _point(jobs: Sequence[Job]) -> GridPoint:
    folders = [Path(job.folder) for job in jobs]
    runs = [run for folder in folders for run in [folder, *sorted(folder.glob("fold[0-9]*"))]]
    found = [results for run in runs if (results := find_results(run)) is not None]
    return GridPoint(_settings(jobs[0].overrides), found)


def _settings(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (override.partition("=") for override in overrides)
    return {key.lstrip("+~"): value for key, _, value in pairs}


def _varied(points: Sequence[GridPoint]) -> list[str]:
    keys = dict.fromkeys(key for point in points for key in point.settings)
    return [
        key
        for key in keys
        if key not in REPEATED and len({point.settings.get(key) for point in points}) > 1
    ]


def _number(values: Sequence[float], metric: str) -> str:
    if not values:
        return "-"
    std = stdev(values) if len(values) > 1 else None
    if "acc" in metric or "f1" in metric:
        return spread(mean(values), std)
    return f"{mean(values):.4f}" + ("" if std is None else f" ± {std:.4f}")


def _command(best: GridPoint, varied: Sequence[str], typed: Sequence[str]) -> str:
    kept = [one for one in typed if not _settings([one]).keys() & {*varied, "sweep"}]
    plus = "+" if "experiment" in varied else ""
    chosen = [f"{plus if k == 'experiment' else ''}{k}={best.settings[k]}" for k in varied]
    several = any("," in one for one in kept if _settings([one]).keys() & {*REPEATED})
    words = ["-m"] * several + sorted([*kept, *chosen], key=lambda one: not one.startswith("+"))
    return " ".join([as_command("train"), *map(shlex.quote, words)])

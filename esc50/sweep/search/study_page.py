"""The page of a search: what was searched, the best trial, and how far to trust it."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from esc50.config.signature import mode
from esc50.report.names import printable
from esc50.report.page import write_page
from esc50.results.display.tables import Table
from esc50.results.labels import labels, mark
from esc50.results.numbers import duration
from esc50.sweep.jobs import Job
from esc50.sweep.labels import job_results
from esc50.sweep.search.charts import StudyCharts
from esc50.sweep.search.trials import Trials, short

POINTS = 0.05  # half of an accuracy's 95% interval that leaves too much of a choice to chance
EDGE = 0.05  # part of a range beside either end that counts as its bound


def write_study_page(
    path: Path, trials: Trials, cfg: DictConfig, words: Mapping[str, bool], command: str | None
) -> None:
    """Write a search's page.

    Args:
        path: the .html file.
        trials: of the search.
        cfg: the config that they share.
        words: whether their numbers leak, and are of synthetic sound.
        command: what trains the best trial again; None where none has finished.
    """
    metric = cfg.monitor + mark(words.get("leaky"))
    charts = StudyCharts(trials.study, metric, trials.steps)
    n_val = count_validation(trials.jobs)
    best = trials.study.best_trial if charts.done else None
    judged = sum(bool(t.intermediate_values) or t in charts.done for t in trials.study.trials)
    counts = Counter(trials.state(trial) for trial in trials.study.trials)
    write_page(
        path,
        "study.html.j2",
        title=f"The search {printable(cfg.name)}",
        labels=labels(words),
        headline=best and f"Trial {best.number} is the best: {metric} {best.value:.4f}",
        warnings=warnings(best, cfg.monitor, judged, n_val) if best else [],
        command=command and printable(command),
        facts=_facts(trials, cfg, counts, n_val),
        space=_space(trials, best),
        charts=charts.overall() if charts.done else [],
        slices=charts.slices(),
        trials=_shown(trials.table(metric, endings=True)),
    )


def count_validation(jobs: Mapping[int, Job]) -> int | None:
    """Count the clips that a trial was judged by; None where no trial has left results."""
    for job in jobs.values():
        counts = [n for results in job_results(job) if isinstance(n := results.get("n_val"), int)]
        if counts:
            return sum(counts)
    return None


def warnings(best: FrozenTrial, monitor: str, n_judged: int, n_val: int | None) -> list[str]:
    """Say, a sentence or two each, why the best trial may not be what it seems.

    Args:
        best: the best trial.
        monitor: what was optimised.
        n_judged: how many trials have been validated, the pruned ones too.
        n_val: the clips that they were judged by; None where that is not known.
    """
    said = []
    if n_val and (points := 1.96 * math.sqrt(0.25 / n_val)) > POINTS:
        said.append(
            f"Few clips: {n_val} of validation chose among {n_judged} trials. On so few an accuracy"
            f" is known to ±{100 * points:.0f} points, and the best of several is partly the "
            f"luckiest: what differs little in {monitor} is not told apart. Train the first few "
            "of the table with other seeds (-m seed=1,2,3) before you settle on one."
        )
    for key, value in best.params.items():
        if end := bound(best.distributions[key], value):
            said.append(
                f"At a bound: the best {key}, {short(value)}, lies at the {end} end of what was "
                f"searched ({written(best.distributions[key])}). Better ones may lie beyond it: "
                "search a range that reaches further."
            )
    return [printable(sentence) for sentence in said]


def bound(distribution: BaseDistribution, value: Any) -> str | None:
    """Say at which end of its range a value lies, "lower" or "upper"; None: at neither.

    0, and 1 above it, are where shares and strengths end by nature, and no bounds of a search.
    """
    if isinstance(distribution, CategoricalDistribution):
        numbers = [n for choice in distribution.choices if (n := _number(choice)) is not None]
        if len(numbers) < 3 or (place := _number(value)) not in (min(numbers), max(numbers)):
            return None
        return "lower" if place == min(numbers) else "upper"
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if low == high:
        return None
    scale = math.log if distribution.log else float
    place = (scale(value) - scale(low)) / (scale(high) - scale(low))
    if place <= EDGE:
        return None if low == 0 else "lower"
    if place >= 1 - EDGE:
        return None if (low, high) == (0, 1) else "upper"
    return None


def _number(choice: object) -> float | None:
    try:
        return float(str(choice))
    except ValueError:
        return None


def written(distribution: BaseDistribution) -> str:
    """Write what was searched: "0.0001 to 0.01, logarithmic", or the choices."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(str(choice) for choice in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = distribution.step
    return (
        f"{short(distribution.low)} to {short(distribution.high)}"
        + (", logarithmic" if distribution.log else "")
        + (f", in steps of {short(step)}" if step and step != 1 else "")
        + (", whole numbers" if isinstance(distribution, IntDistribution) else "")
    )


def _space(trials: Trials, best: FrozenTrial | None) -> Table:
    ranges = {key: one for t in trials.study.trials for key, one in t.distributions.items()}
    table = Table("What was searched", ["setting", "range", "the best"], n_names=2)
    for key, distribution in ranges.items():
        value = best.params.get(key, "-") if best else "-"
        end = bound(distribution, value) if best and key in best.params else None
        shown = f"{short(value)}, at the {end} end" if end else short(value)
        table.rows.append([printable(part) for part in (key, written(distribution), shown)])
    return table


def _facts(trials: Trials, cfg: DictConfig, counts: Counter[str], n_val: int | None) -> Table:
    better = "lower" if mode(cfg.monitor) == "min" else "higher"
    times = [one.duration.total_seconds() for one in trials.study.trials if one.duration]
    states = ", ".join(f"{number} {state}" for state, number in counts.items())
    table = Table("", ["what", "value"], n_names=2)
    table.rows = [
        ["objective", f"{cfg.monitor}, the {better} the better"],
        ["trials", f"{len(trials.study.trials)}: {states}" if states else "none"],
        ["judged by", "not known" if n_val is None else f"{n_val} validation clips"],
        ["split", f"{cfg.split.protocol}, fold {cfg.split.fold}, seed {cfg.seed}"],
        ["time", f"{duration(sum(times))} of all trials together"],
        ["sampler", _part(OmegaConf.select(cfg, "hydra.sweeper.sampler"))],
        ["pruner", _part(trials.study.user_attrs.get("pruner"))],
    ]
    return table


def _part(section: Any) -> str:
    """Name what a section builds, with its numbers."""
    if not section:
        return "not known"
    rest = [f"{key}={value}" for key, value in section.items() if key != "_target_"]
    return ", ".join([str(section["_target_"]).rpartition(".")[2], *rest])


def _shown(table: Table) -> Table:
    table.rows = [[printable(cell) for cell in row] for row in table.rows]
    return table

"""The page of a sweep: its combinations best first, and what each swept setting does."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import mean, stdev

from esc50.config.signature import mode
from esc50.config.typed import as_command
from esc50.report.figures import COLORS, Chart, figure_text, limit_axis, name_places
from esc50.report.names import printable
from esc50.report.page import write_page
from esc50.results.display.tables import Table
from esc50.results.labels import labels, mark
from esc50.results.numbers import duration

REPEATS = ("seed", "split.fold")  # what runs of one recipe differ in


@dataclass(frozen=True)
class SweptJob:
    """One job of a sweep.

    Attributes:
        overrides: its command line, one KEY=VALUE each.
        metric: the monitored metric; None where it has none.
        state: "finished", or how else it ended.
        seconds: that it took; None where that is not known.
        leaky: whether its numbers leak.
        synthetic: whether its sound is made up.
    """

    overrides: Sequence[str]
    metric: float | None
    state: str
    seconds: float | None
    leaky: bool = False
    synthetic: bool = False

    @property
    def values(self) -> dict[str, str]:
        """What it sets, by key."""
        pairs = (one.partition("=") for one in self.overrides)
        return {key.lstrip("+"): value for key, _, value in pairs}


@dataclass(frozen=True)
class Combination:
    """The jobs that share all swept settings but seed and fold."""

    values: dict[str, str]
    jobs: Sequence[SweptJob]

    @property
    def metrics(self) -> list[float]:
        """Of the jobs that have a finite one: no other can be ranked or averaged."""
        found = (job.metric for job in self.jobs)
        return [metric for metric in found if metric is not None and isfinite(metric)]

    @property
    def mean(self) -> float | None:
        """The mean of these; None where no job has one."""
        return mean(self.metrics) if self.metrics else None


def write_sweep_page(path: Path, jobs: Sequence[SweptJob], monitor: str) -> None:
    """Write a sweep's page.

    Args:
        path: the .html file.
        jobs: all of them, at least one.
        monitor: the metric by which they are ranked.
    """
    leaky = any(job.leaky for job in jobs)
    words = labels({"leaky": leaky, "synthetic": any(job.synthetic for job in jobs)})
    keys = swept_keys(jobs)
    ranked = rank(jobs, keys, monitor)
    finished = sum(len(one.metrics) for one in ranked)
    write_page(
        path,
        "sweep.html.j2",
        title=f"A sweep over {printable(', '.join(keys)) or 'nothing'}",
        labels=words,
        said=f"{finished} of {len(jobs)} jobs have a {monitor}{mark(leaky)} to be ranked by.",
        table=_table(ranked, keys, monitor + mark(leaky)),
        charts=[_chart(key, ranked, monitor + mark(leaky)) for key in keys] if finished else [],
        command=printable(repeat(ranked[0])) if finished else None,
    )


def swept_keys(jobs: Sequence[SweptJob]) -> list[str]:
    """List the settings that the jobs differ in; seed and fold only where there are no others."""
    keys = dict.fromkeys(key for job in jobs for key in job.values)
    differ = [key for key in keys if len({job.values.get(key) for job in jobs}) > 1]
    return [key for key in differ if key not in REPEATS] or differ


def rank(jobs: Sequence[SweptJob], keys: Sequence[str], monitor: str) -> list[Combination]:
    """Gather the jobs by their values of `keys`, the best mean of the metric first."""
    groups: dict[tuple[str | None, ...], list[SweptJob]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.values.get(key) for key in keys), []).append(job)
    found = [
        Combination({key: value or "" for key, value in zip(keys, values, strict=True)}, own)
        for values, own in groups.items()
    ]
    sign = 1 if mode(monitor) == "min" else -1
    return sorted(found, key=lambda c: (c.mean is None, sign * (c.mean or 0.0)))


def repeat(best: Combination) -> str:
    """Write the command that repeats a combination, with all its seeds and folds."""
    overrides = [
        one for one in best.jobs[0].overrides if one.partition("=")[0].lstrip("+") not in REPEATS
    ]
    several = False
    for key in REPEATS:
        values = list(dict.fromkeys(v for job in best.jobs if (v := job.values.get(key))))
        overrides += [f"{key}={','.join(values)}"] if values else []
        several |= len(values) > 1
    return shlex.join([*as_command("train").split(), *(["-m"] if several else []), *overrides])


def _table(ranked: Sequence[Combination], keys: Sequence[str], metric: str) -> Table:
    columns = [metric, "jobs", "state", "time"]
    table = Table("The best first", [*keys, *columns], n_names=len(keys))
    for one in ranked:
        states = {state: [j.state for j in one.jobs].count(state) for state in _states(one)}
        said = ", ".join(f"{count} {state}" for state, count in states.items())
        seconds = sum(job.seconds or 0 for job in one.jobs)
        names = [printable(one.values[key]) for key in keys]
        table.rows.append([*names, _value(one), str(len(one.jobs)), said, duration(seconds)])
    return table


def _states(one: Combination) -> list[str]:
    return list(dict.fromkeys(job.state for job in one.jobs))


def _value(one: Combination) -> str:
    if one.mean is None:
        return "-"
    spread = f" ± {stdev(one.metrics):.4f}" if len(one.metrics) > 1 else ""
    return f"{one.mean:.4f}{spread}"


def _chart(key: str, ranked: Sequence[Combination], metric: str) -> Chart:
    """Draw the metric of every job against one setting, and the mean of each value."""
    import plotly.graph_objects as go

    values = _sorted({one.values[key] for one in ranked if one.metrics})
    found = {
        value: [m for one in ranked if one.values[key] == value for m in one.metrics]
        for value in values
    }
    plot = go.Figure(layout={"height": 360})
    place = {value: number for number, value in enumerate(values)}
    plot.add_scatter(
        x=[place[value] for value, own in found.items() for _ in own],
        y=[metric for own in found.values() for metric in own],
        mode="markers", name="jobs", marker={"color": COLORS[0], "size": 8, "opacity": 0.7},
    )  # fmt: skip
    plot.add_scatter(
        x=list(place.values()), y=[mean(own) for own in found.values()], mode="lines+markers",
        name="mean", line={"color": COLORS[1]}, marker={"symbol": "diamond", "size": 11},
    )  # fmt: skip
    name_places(plot, [printable(value) for value in values])
    plot.update_xaxes(title=figure_text(key))
    plot.update_yaxes(title=metric)
    low_is_best = mode(metric) == "min"
    every = [value for own in found.values() for value in own]
    beyond = limit_axis(plot, every, low_is_best)
    table = Table("", [key, "jobs", f"mean {metric}"])
    table.rows = [[printable(v), str(len(own)), f"{mean(own):.4f}"] for v, own in found.items()]
    sign = 1 if low_is_best else -1
    best = min(found, key=lambda value: sign * mean(found[value]))
    others = ", over all values of the other settings" if len(ranked[0].values) > 1 else ""
    summary = f"Best on average: {printable(best)}{others}.{beyond}"
    if bare := _sorted({one.values[key] for one in ranked} - set(values)):
        summary += f" No job has a number for {printable(', '.join(bare))}."
    return Chart(
        f"key-{key.replace('.', '-').replace('/', '-')}", printable(key), summary, plot, table
    )


def _sorted(values: set[str]) -> list[str]:
    """Put values in order, numbers by their size."""

    def order(value: str) -> tuple[bool, float, str]:
        try:
            return (False, float(value), value)
        except ValueError:
            return (True, 0.0, value)

    return sorted(values, key=order)

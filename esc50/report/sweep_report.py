"""The page of a sweep: its combinations best first, and what each swept setting does."""

import shlex
from collections.abc import Mapping, Sequence
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
        why: it has no number; "" where it has one.
    """

    overrides: Sequence[str]
    metric: float | None
    state: str
    seconds: float | None
    leaky: bool = False
    synthetic: bool = False
    why: str = ""

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
    keys, metric = swept_keys(jobs), monitor + mark(leaky)
    ranked = rank(jobs, keys, monitor)
    finished = sum(len(one.metrics) for one in ranked)
    repeated = set(keys) <= set(REPEATS)  # then none of them is the best: they are of one recipe
    over = f"over {printable(', '.join(keys))}" if keys else "of one setting"
    said = f"{finished} of {len(jobs)} jobs have a {metric} to be ranked by."
    if repeated and finished:
        which = f"{finished} of {len(jobs)} jobs" if len(jobs) > 1 else "the only job"
        said = f"{metric} {_value(Combination({}, jobs))} in {which}."
    write_page(
        path,
        "sweep.html.j2",
        title=f"A sweep {over}",
        labels=words,
        said=said,
        table=_table(ranked, keys, metric),
        failed=_failed(jobs, keys),
        charts=[_chart(key, ranked, metric) for key in keys] if finished else [],
        finished=finished,
        repeats="all of it" if repeated else "the best",
        command=_command(Combination({}, jobs) if repeated else ranked[0], finished),
    )


def _command(best: Combination, finished: int) -> str | None:
    return printable(repeat(best)) if finished else None


def swept_keys(jobs: Sequence[SweptJob]) -> list[str]:
    """List the settings that the jobs differ in; seed and fold only where there are no others."""
    keys = dict.fromkeys(key for job in jobs for key in job.values)
    differ = [key for key in keys if len({job.values.get(key) for job in jobs}) > 1]
    return [key for key in differ if key not in REPEATS] or differ


def rank(jobs: Sequence[SweptJob], keys: Sequence[str], monitor: str) -> list[Combination]:
    """Gather the jobs by their values of `keys`, the best mean of the metric first.

    Those with fewer numbers than others come after these: means over other folds are no match.
    """
    groups: dict[tuple[str | None, ...], list[SweptJob]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.values.get(key) for key in keys), []).append(job)
    found = [
        Combination({key: value or "" for key, value in zip(keys, values, strict=True)}, own)
        for values, own in groups.items()
    ]
    sign, most = 1 if mode(monitor) == "min" else -1, max(len(one.metrics) for one in found)

    def place(one: Combination) -> tuple[bool, bool, float]:
        return one.mean is None, len(one.metrics) < most, sign * (one.mean or 0.0)

    return sorted(found, key=place)


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
    title = "All jobs" if set(keys) <= set(REPEATS) else "The best first"
    table = Table(title, [*keys, *columns], n_names=len(keys))
    counts = {len(one.metrics) for one in ranked}
    if max(counts) > 1:
        table.note = "± is the standard deviation over the jobs of a row, folds and seeds together."
    if len(counts - {0}) > 1:
        table.note += " Rows with fewer numbers than others come after these."
    for one in ranked:
        states = {state: [j.state for j in one.jobs].count(state) for state in _states(one)}
        said = ", ".join(f"{count} {state}" for state, count in states.items())
        seconds = sum(job.seconds or 0 for job in one.jobs)
        names = [printable(one.values[key]) for key in keys]
        table.rows.append([*names, _value(one), str(len(one.jobs)), said, duration(seconds)])
    return table


def _failed(jobs: Sequence[SweptJob], keys: Sequence[str]) -> Table | None:
    """List the jobs without a number, and why; None where all have one."""
    repeats = [key for key in REPEATS if len({job.values.get(key) for job in jobs}) > 1]
    names = list(dict.fromkeys([*keys, *repeats]))
    table = Table("Without a number", ["job", "why"], n_names=2)
    for job in jobs:
        if job.metric is None or not isfinite(job.metric):
            which = ", ".join(f"{key}={job.values.get(key, '')}" for key in names)
            why = f"{job.state}: {job.why}" if job.why else job.state
            table.rows.append([printable(which) or "the only one", printable(why)])
    return table if table.rows else None


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
        y=[value for own in found.values() for value in own],
        mode="markers", name="jobs", marker={"color": COLORS[0], "size": 8, "opacity": 0.7},
    )  # fmt: skip
    if key not in REPEATS:
        # A line leads from number to number; between names there is nothing.
        lines = "lines+markers" if all(map(_is_number, values)) else "markers"
        plot.add_scatter(
            x=list(place.values()), y=[mean(own) for own in found.values()], mode=lines,
            name="mean", line={"color": COLORS[1]},
            marker={"color": COLORS[1], "symbol": "diamond", "size": 11},
        )  # fmt: skip
    name_places(plot, [printable(value) for value in values])
    plot.update_xaxes(title=figure_text(key))
    plot.update_yaxes(title=metric)
    low_is_best = mode(metric) == "min"
    every = [value for own in found.values() for value in own]
    beyond = limit_axis(plot, every, low_is_best)
    table = Table("", [key, "jobs", f"mean {metric}"])
    table.rows = [[printable(v), str(len(own)), f"{mean(own):.4f}"] for v, own in found.items()]
    summary = f"{_best(key, found, low_is_best, len(ranked[0].values) > 1)}{beyond}"
    if bare := _sorted({one.values[key] for one in ranked} - set(values)):
        summary += f" No job has a number for {printable(', '.join(bare))}."
    return Chart(
        f"key-{key.replace('.', '-').replace('/', '-')}", printable(key), summary, plot, table
    )


def _best(key: str, found: Mapping[str, list[float]], low_is_best: bool, others: bool) -> str:
    """Say which value did best; none of a seed's or a fold's is better than another."""
    if key in REPEATS:
        return "How far the number goes up and down by itself."
    sign, most = 1 if low_is_best else -1, max(map(len, found.values()))
    best = min(found, key=lambda value: (len(found[value]) < most, sign * mean(found[value])))
    over = ", over all values of the other settings" if others else ""
    return f"Best on average: {printable(best)}{over}."


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _sorted(values: set[str]) -> list[str]:
    """Put values in order, numbers by their size."""
    return sorted(values, key=lambda v: (False, float(v), v) if _is_number(v) else (True, 0.0, v))

"""The figures of a search."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from esc50.report.figures import COLORS, FEW, Chart, figure_text, limit_axis, name_places, row_width
from esc50.results.display.tables import Table
from esc50.results.numbers import percent

HEIGHT = 360
BEST, WORST = COLORS[:2]  # ends of a scale that is seen on white and on black
SHORT = 12  # characters of a name between two of these
COLUMN = 110  # pixels of an axis of the parallel coordinates at the least


class StudyCharts:
    """Draws a search with finished trials."""

    def __init__(self, study: optuna.Study, metric: str, steps: str = "epoch"):
        """Take what is drawn.

        Args:
            study: with its trials.
            metric: what its values are called, with the words that must stand beside them.
            steps: what a trial reports its value after, "epoch" or "fold".
        """
        self.study, self.metric, self.steps = study, metric, steps
        self.done = [t for t in study.trials if t.state == TrialState.COMPLETE]
        self.values = [trial.values[0] for trial in self.done]
        self.low_is_best = study.direction == optuna.study.StudyDirection.MINIMIZE
        self.keys = list(dict.fromkeys(key for trial in self.done for key in trial.params))

    def overall(self) -> list[Chart]:
        """Draw the search as a whole."""
        charts = [self.history()]
        # Importance is a share of the variance: there must be some, and trials to tell whose it is.
        if len(set(self.values)) > 1 and len(self.done) > len(self.keys):
            charts.append(self.importances())
        if any(trial.intermediate_values for trial in self.study.trials):
            charts.append(self.steps_chart())
        return [*charts, self.parallel()]

    def history(self) -> Chart:
        """Draw the value of each trial in the order that they began, and the best so far."""
        plot, pick = _figure(), min if self.low_is_best else max
        numbers = [trial.number for trial in self.done]
        best = [pick(self.values[: n + 1]) for n in range(len(self.values))]
        plot.add_scatter(
            x=numbers, y=self.values, mode="markers", name="trials",
            marker={"color": COLORS[0], "size": 8},
        )  # fmt: skip
        plot.add_scatter(
            x=numbers, y=best, mode="lines", name="best so far",
            line={"shape": "hv", "color": COLORS[1]},
        )  # fmt: skip
        ended, last = self._pruned()
        _add_pruned(plot, [trial.number for trial in ended], last, ended)
        highest = max(trial.number for trial in self.study.trials)
        plot.update_xaxes(title="trial", dtick=1 if highest <= FEW else None)
        plot.update_yaxes(title=self.metric)
        beyond = limit_axis(plot, [*self.values, *last], self.low_is_best)
        table = Table("", ["trial", self.metric, "best so far"], n_names=0)
        table.rows = [
            [str(number), f"{value:.4f}", f"{so_far:.4f}"]
            for number, value, so_far in zip(numbers, self.values, best, strict=True)
        ]
        summary = f"The {self.metric} of each trial in the order they ran, and the best so far."
        return Chart("history", f"Trials by {self.metric}", summary + beyond, plot, table)

    def _pruned(self) -> tuple[list[FrozenTrial], list[float]]:
        """The pruned trials, and the last value of each."""
        found = [t for t in self.study.trials if t.state == TrialState.PRUNED]
        found = [trial for trial in found if trial.intermediate_values]
        return found, [t.intermediate_values[max(t.intermediate_values)] for t in found]

    def importances(self) -> Chart:
        """Draw how much each hyperparameter explains."""
        found = sorted(
            optuna.importance.get_param_importances(self.study).items(), key=lambda kv: kv[1]
        )
        plot = _figure(110 + 34 * len(found))
        plot.add_bar(
            x=[share for _, share in found], y=[figure_text(key) for key, _ in found],
            orientation="h", marker_color=COLORS[0], hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )  # fmt: skip
        plot.update_xaxes(title="share of the variance", tickformat=".0%", rangemode="tozero")
        table = Table("", ["hyperparameter", "share of the variance"])
        table.rows = [[key, percent(share)] for key, share in reversed(found)]
        summary = (
            f"The share of the variance of {self.metric} that each hyperparameter explains "
            "(fANOVA); of few trials it is a guess."
        )
        width = row_width([key for key, _ in found])
        title = "Hyperparameter importances"
        return Chart("importances", title, summary, plot, table, min_width=width)

    def steps_chart(self) -> Chart:
        """Draw the value of each trial after each of its epochs or folds."""
        plot, shown, table = _figure(), set[str](), Table("", [], n_names=0)
        trials = [trial for trial in self.study.trials if trial.intermediate_values]
        for trial in trials:
            kind, line = self._line(trial)
            plot.add_scatter(
                x=[step + 1 for step in trial.intermediate_values],  # they are reported from 0
                y=list(trial.intermediate_values.values()), mode="lines+markers", name=kind,
                legendgroup=kind, showlegend=kind not in shown, line=line, marker={"size": 4},
                hovertemplate=f"trial {trial.number}, {self.steps} %{{x}}: %{{y:.4f}}"
                "<extra></extra>",
            )  # fmt: skip
            shown.add(kind)
        steps = sorted({step for trial in trials for step in trial.intermediate_values})
        table.columns = ["trial", *(f"{self.steps} {step + 1}" for step in steps)]
        for trial in trials:
            cells = [trial.intermediate_values.get(step) for step in steps]
            said = ["-" if value is None else f"{value:.4f}" for value in cells]
            table.rows.append([str(trial.number), *said])
        plot.update_xaxes(title=self.steps, dtick=1 if len(steps) <= FEW else None)
        plot.update_yaxes(title=self.metric)
        values = [value for trial in trials for value in trial.intermediate_values.values()]
        beyond = limit_axis(plot, values, self.low_is_best)
        summary = (
            f"The {self.metric} of each trial after each {self.steps}; pruned trials end early."
        )
        return Chart(
            "steps", f"{self.metric} while training", summary + beyond, plot, table
        )  # fmt: skip

    def _line(self, trial: FrozenTrial) -> tuple[str, dict[str, Any]]:
        if trial.number == self.study.best_trial.number:
            return "the best", {"color": COLORS[1], "width": 3}
        if trial.state == TrialState.PRUNED:
            return "pruned", {"color": COLORS[3], "width": 1, "dash": "dot"}
        return "others", {"color": COLORS[0], "width": 1}

    def parallel(self) -> Chart:
        """Draw each trial as a line through its hyperparameters to its value."""
        import plotly.graph_objects as go

        done = [trial for trial in self.done if set(self.keys) == set(trial.params)]
        values = [trial.values[0] for trial in done]
        plot = _figure(420)
        # One far off would leave the others one colour, and one point of their axis.
        limit_axis(plot, values, self.low_is_best)
        low, high = plot.layout.yaxis.range or (min(values, default=0), max(values, default=0))
        shown = [min(max(value, low), high) for value in values]
        ends = (BEST, WORST) if self.low_is_best else (WORST, BEST)
        dimensions = [self._dimension(key, done) for key in self.keys]
        dimensions.append({"label": self.metric, "values": shown, "tickformat": ".4~g"})
        plot = go.Figure(layout={"height": 420, "margin": {"t": 64, "l": 72, "r": 72}})
        plot.add_parcoords(
            line={"color": shown, "colorscale": [[0, ends[0]], [1, ends[1]]]},
            dimensions=dimensions,
        )
        summary = (
            "One line per trial through its hyperparameters, blue the best and orange the worst; "
            "drag along an axis to pick some out. The table of trials has the numbers."
        )
        width = COLUMN * len(dimensions)
        return Chart("parallel", "Parallel coordinates", summary, plot, min_width=width)

    def _dimension(self, key: str, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
        places, log, names = _places(key, trials)
        dimension: dict[str, Any] = {"label": figure_text(key.split(".")[-1])}
        if names:
            short = [figure_text(name, SHORT) for name in names]
            ticks = {"tickvals": list(range(len(names))), "ticktext": short}
            return {**dimension, "values": places, **ticks}
        if not log:
            return {**dimension, "values": places, "tickformat": ".4~g"}
        marks = list(_decades(min(places), max(places)))
        return {
            **dimension,
            "values": [math.log10(place) for place in places],
            "tickvals": [math.log10(mark) for mark in marks],
            "ticktext": [f"{mark:.3g}" for mark in marks],
        }

    def slices(self) -> list[Chart]:
        """Draw the value of each trial against each hyperparameter by itself."""
        return [self._slice(number, key) for number, key in enumerate(self.keys)]

    def _slice(self, number: int, key: str) -> Chart:
        trials = [trial for trial in self.done if key in trial.params]
        values, plot = [trial.values[0] for trial in trials], _figure(300)
        places, log, names = _places(key, trials)
        best = [trial.number == self.study.best_trial.number for trial in trials]
        looks = {
            "color": [COLORS[1] if one else COLORS[0] for one in best],
            "symbol": ["diamond" if one else "circle" for one in best],
            "size": [13 if one else 8 for one in best],
        }
        plot.add_scatter(
            x=places, y=values, mode="markers", marker=looks, showlegend=False,
            customdata=[trial.number for trial in trials],
            hovertemplate="trial %{customdata}: %{y:.4f}<extra></extra>",
        )  # fmt: skip
        pruned = [one for one in zip(*self._pruned(), strict=True) if key in one[0].params]
        ended, last = [trial for trial, _ in pruned], [value for _, value in pruned]
        _add_pruned(plot, _places(key, ended)[0] if ended else [], last, ended)
        plot.update_xaxes(
            title=figure_text(key), type="log" if log else "linear", exponentformat="power"
        )
        if names:
            name_places(plot, names)
        else:  # all that was searched, so that a bound is seen to be one
            plot.update_xaxes(range=_whole_range(trials[0].distributions[key], log))
        plot.update_yaxes(title=self.metric)
        beyond = limit_axis(plot, [*values, *last], self.low_is_best)
        return Chart(f"slice-{number}", key, beyond.strip(), plot)


def _add_pruned(
    plot: Any, places: Sequence[float], values: Sequence[float], trials: Sequence[FrozenTrial]
) -> None:
    """Mark the pruned trials by their last values."""
    if trials:
        plot.add_scatter(
            x=places, y=values, mode="markers", name="pruned, when it ended", showlegend=True,
            marker={"symbol": "x-thin", "size": 8, "line": {"color": COLORS[3], "width": 2}},
            customdata=[trial.number for trial in trials],
            hovertemplate="trial %{customdata}, pruned: %{y:.4f}<extra></extra>",
        )  # fmt: skip


def _whole_range(distribution: Any, log: bool) -> tuple[float, float]:
    """The ends of an axis that shows all that was searched, in powers of ten where logarithmic."""
    scale = math.log10 if log else float
    low, high = scale(distribution.low), scale(distribution.high)
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _places(key: str, trials: Sequence[FrozenTrial]) -> tuple[list[float], bool, list[str] | None]:
    """Where trials stand on an axis, whether that is logarithmic, and its names if it has any."""
    distribution = trials[0].distributions[key]
    if isinstance(distribution, CategoricalDistribution):
        names = [str(choice) for choice in distribution.choices]
        found = [float(names.index(str(trial.params[key]))) for trial in trials]
        return found, False, names
    return [float(t.params[key]) for t in trials], bool(getattr(distribution, "log", False)), None


def _decades(low: float, high: float) -> Iterator[float]:
    """The ends of a logarithmic axis and the powers of ten between them."""
    yield low
    for power in range(math.floor(math.log10(low)) + 1, math.ceil(math.log10(high))):
        yield 10.0**power
    yield high


def _figure(height: int = HEIGHT) -> Any:
    import plotly.graph_objects as go

    return go.Figure(layout={"height": height})

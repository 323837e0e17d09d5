"""The figures of a run's report: curves by epoch, accuracy by class and by confidence."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esc50.report.figures import (
    COLORS,
    FEW,
    LEGEND_LINE,
    SYMBOLS,
    Chart,
    figure_text,
    limit_curves,
    row_width,
)
from esc50.report.run.scores import LEAST, Bin
from esc50.results.display.tables import Table
from esc50.results.labels import mark
from esc50.results.numbers import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CURVES = (  # key of the figure, its title, columns of history.csv, whether they are shares
    ("loss", "Loss by epoch", ("train/loss", "val/loss"), False),
    ("accuracy", "Accuracy by epoch", ("train/acc", "val/acc"), True),
    ("rate", "Learning rate by epoch", ("learning_rate",), False),
    ("speed", "Training clips per second by epoch", ("clips_per_second",), False),
)
WORDS = {"learning_rate": "learning rate", "clips_per_second": "clips per second"}
SHARE = {"tickformat": ".0%", "range": [-0.02, 1.02]}  # a mark at an end is whole
HEIGHT = 320  # pixels of a figure that stands beside another
MARK = 22  # pixels across the mark of the fullest bin of confidence

Epochs = Sequence[Mapping[str, float]]


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read a run's history.csv, an epoch a mapping without what it lacks; [] where it is gone."""
    try:
        with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{key: float(cell) for key, cell in row.items() if cell} for row in rows]
    except (OSError, ValueError, TypeError, AttributeError, csv.Error):  # or it is damaged
        return []


def curves(
    histories: Mapping[str, Epochs], chosen: Mapping[str, int | None], leaky: bool
) -> list[Chart]:
    """Draw what every epoch measured, of one run or of several.

    Args:
        histories: each run's epochs, by its name.
        chosen: the epoch that was tested, by the run's name.
        leaky: whether the numbers of validation are to be labelled.
    """
    charts, tested = [], _drawn(histories, chosen)
    for key, title, columns, share in CURVES:
        there = [c for c in columns if any(c in row for h in histories.values() for row in h)]
        if there:
            plot = _curves(histories, tested, there, leaky)
            plot.update_yaxes(**(SHARE if share else {"rangemode": "tozero"}))
            beyond = limit_curves(plot) if key == "loss" else ""
            summary = _said(histories, tested, there, share, leaky) + beyond
            table = _epochs(histories, there, leaky)
            charts.append(Chart(f"curve-{key}", title + mark(leaky), summary, plot, table))
    return charts


def _drawn(histories: Mapping[str, Epochs], chosen: Mapping[str, int | None]) -> dict[str, int]:
    """The tested epochs that are among those of their run, and so get their star."""
    return {
        run: epoch
        for run, rows in histories.items()
        if (epoch := chosen.get(run)) is not None and any(row["epoch"] == epoch for row in rows)
    }


def _curves(
    histories: Mapping[str, Epochs],
    tested: Mapping[str, int],
    columns: Sequence[str],
    leaky: bool,
) -> "Figure":
    several = len(histories) > 1
    plot = _figure(HEIGHT + (LEGEND_LINE * len(histories) if several else 0))
    for number, (run, rows) in enumerate(histories.items()):
        for place, column in enumerate(columns):
            epochs = [row["epoch"] for row in rows if column in row]
            values = [row[column] for row in rows if column in row]
            name, shown = _named(column, leaky), figure_text(run)
            color = COLORS[(number if several else place) % len(COLORS)]
            style = {"color": color, "dash": ("solid", "dot")[several and place]}
            symbol = SYMBOLS[number // len(COLORS) % len(SYMBOLS)] if several else SYMBOLS[0]
            symbols = ["star" if e == tested.get(run) else symbol for e in epochs]
            sizes = [14 if e == tested.get(run) else 5 for e in epochs]
            plot.add_scatter(
                x=epochs, y=values, name=shown if several else name, mode="lines+markers",
                line=style, marker={"symbol": symbols, "size": sizes, "color": color},
                legendgroup=f"{number}" if several else None,
                showlegend=not place if several else len(columns) > 1,
                hovertemplate=f"epoch %{{x}}: %{{y:.4g}}<extra>{shown}, {name}</extra>",
            )  # fmt: skip
    if several and len(columns) > 1:  # a legend of every line would be twice as long
        kinds = zip(columns, ("solid", "dotted"), strict=True)
        plot.update_yaxes(title="<br>".join(f"{_named(c, leaky)}: {kind}" for c, kind in kinds))
    longest = max((len(rows) for rows in histories.values()), default=0)
    plot.update_xaxes(title="epoch", dtick=1 if longest <= FEW else None)
    for epoch in [] if several else tested.values():
        plot.add_vline(x=epoch, line={"dash": "dash", "width": 1, "color": "#888888"})
    return plot


def _said(
    histories: Mapping[str, Epochs],
    tested: Mapping[str, int],
    columns: Sequence[str],
    share: bool,
    leaky: bool,
) -> str:
    """What the curves come to, for one run; for several the legend and the table say it."""
    if len(histories) > 1:
        return "A star is the epoch that was tested." if tested else ""
    (run, rows), = histories.items()  # fmt: skip
    epoch = tested.get(run)
    row = next((row for row in rows if row["epoch"] == epoch), rows[-1])
    form = percent if share else "{:.4g}".format
    said = ", ".join(f"{_named(c, leaky)} {form(row[c])}" for c in columns if c in row)
    if epoch is None:
        return f"The last epoch, {row['epoch']:.0f}: {said}."
    return f"The star and the line mark the tested epoch, {epoch}: {said}."


def _named(column: str, leaky: bool) -> str:
    return WORDS.get(column, column) + mark(leaky and column.startswith("val/"))


def _epochs(histories: Mapping[str, Epochs], columns: Sequence[str], leaky: bool) -> Table:
    table = Table("", ["epoch", *(_named(column, leaky) for column in columns)], n_names=0)
    for run, rows in histories.items():
        for row in rows:
            epoch = f"{run}, {row['epoch']:.0f}" if len(histories) > 1 else f"{row['epoch']:.0f}"
            cells = [f"{row[c]:.5g}" if c in row else "-" for c in columns]
            table.rows.append([epoch, *cells])
    return table


def classes_chart(rows: Sequence[Mapping[str, Any]], leaky: bool) -> Chart:
    """Draw the recall of each class with its interval, the hardest on top.

    Args:
        rows: see `scores.by_class`.
        leaky: whether the numbers are to be labelled.
    """
    tested = [row for row in rows if row["n"]]
    ranked = sorted(tested, key=lambda row: (-row["recall"][0], row["class"]))
    values, lows, highs = zip(*(row["recall"] for row in ranked), strict=True)
    plot = _figure(110 + 22 * len(ranked))
    plot.add_scatter(
        x=values, y=list(range(len(ranked))), mode="markers",
        marker={"color": COLORS[0], "size": 9},
        customdata=[[figure_text(row["class"]), row["n"]] for row in ranked],
        hovertemplate="%{customdata[0]}: %{x:.1%} of %{customdata[1]}<extra></extra>",
        error_x={
            "symmetric": False, "thickness": 1.5,
            "array": [max(high - value, 0) for value, high in zip(values, highs, strict=True)],
            "arrayminus": [max(value - low, 0) for value, low in zip(values, lows, strict=True)],
        },
    )  # fmt: skip
    # Cut names may be alike: points stand at numbers.
    names = [figure_text(row["class"]) for row in ranked]
    plot.update_yaxes(
        tickvals=list(range(len(ranked))), ticktext=names, range=[-0.6, len(ranked) - 0.4]
    )
    plot.update_xaxes(title=f"recall{mark(leaky)}", tickformat=".0%", range=[-0.02, 1.02])
    worst, best = ranked[-1], ranked[0]
    summary = (
        f"The share of each class's tests that were right, with 95% intervals. Hardest: "
        f"{worst['class']} ({percent(worst['recall'][0])}{mark(leaky)}); easiest: "
        f"{best['class']} ({percent(best['recall'][0])}{mark(leaky)})."
    )
    width = row_width([row["class"] for row in ranked])
    return Chart("classes", f"Recall by class{mark(leaky)}", summary, plot, min_width=width)


def reliability_chart(bins: Sequence[Bin], error: float, leaky: bool) -> Chart:
    """Draw accuracy against confidence: on the diagonal a network means what it says."""
    plot, most = _figure(HEIGHT), max(one.n for one in bins)
    plot.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as confident as right",
        line={"dash": "dash", "color": "#888888"},
    )  # fmt: skip
    plot.add_scatter(
        x=[one.confidence for one in bins], y=[one.accuracy for one in bins],
        mode="lines+markers", name=f"tests{mark(leaky)}", line={"color": COLORS[0]},
        marker={"size": [MARK * (0.25 + 0.75 * math.sqrt(one.n / most)) for one in bins]},
        error_y={
            "symmetric": False, "thickness": 1, "color": "#888888",
            "array": [max(one.high - one.accuracy, 0) for one in bins],
            "arrayminus": [max(one.accuracy - one.low, 0) for one in bins],
        },
        customdata=[one.n for one in bins],
        hovertemplate="confidence %{x:.0%}, accuracy %{y:.0%}, %{customdata} tests<extra></extra>",
    )  # fmt: skip
    plot.update_xaxes(title="confidence (mean of the bin)", **SHARE)
    plot.update_yaxes(title=f"accuracy{mark(leaky)}", **SHARE)
    table = Table("", ["confidence", "tests", f"accuracy{mark(leaky)}", "95% interval"], n_names=0)
    table.rows = [
        [percent(b.confidence), str(b.n), percent(b.accuracy), f"{b.low:.2%} to {b.high:.2%}"]
        for b in bins
    ]
    many = [b for b in bins if b.n >= LEAST]
    over = sum(b.n for b in many if b.confidence > b.high)
    summary = (
        f"Expected calibration error {percent(error)}{mark(leaky)}, in 15 bins (Guo et al. 2017). "
        f"{over} tests lie in bins that are more confident than right, beyond their 95% interval."
    )
    return Chart("reliability", f"Reliability{mark(leaky)}", summary, plot, table)


def coverage_chart(curve: Mapping[str, Any], leaky: bool) -> Chart:
    """Draw the accuracy where the least confident tests are left unanswered."""
    share, accuracy, confidence = (curve[k] for k in ("coverage", "accuracy", "confidence"))
    plot = _figure(HEIGHT)
    plot.add_scatter(
        x=share, y=accuracy, customdata=confidence, mode="lines", line={"color": COLORS[2]},
        hovertemplate="%{x:.0%} answered (confidence from %{customdata:.0%}): "
        "%{y:.1%} right<extra></extra>",
    )  # fmt: skip
    plot.update_xaxes(title="share of the tests that are answered", **SHARE)
    plot.update_yaxes(title=f"accuracy of those{mark(leaky)}", **SHARE)
    table = Table("", ["answered", "confidence from", f"accuracy{mark(leaky)}"], n_names=0)
    for wanted in (0.1, 0.25, 0.5, 0.75, 0.9, 1.0):
        at = int((share < wanted).sum())
        table.rows.append([percent(share[at]), percent(confidence[at]), percent(accuracy[at])])
    half = table.rows[2]
    summary = (
        f"If only the most confident answers are given: {half[2]}{mark(leaky)} are right of "
        f"{half[0]} of the tests, those with a confidence of at least {half[1]}."
    )
    return Chart("coverage", f"Accuracy against coverage{mark(leaky)}", summary, plot, table)


def _figure(height: int) -> "Figure":
    import plotly.graph_objects as go

    return go.Figure(layout={"height": height})

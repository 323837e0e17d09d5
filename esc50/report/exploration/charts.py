"""Figures of a data set: its classes, its clips' numbers, its recordings, its map."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from esc50.report.exploration.statistics import ClipStatistics
from esc50.report.figures import COLORS, LEGEND_LINE, SYMBOLS, Chart, figure_text, row_width
from esc50.results.display.tables import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROW = 22  # pixels of a class in a figure that has one row per class
# What has a distribution by class: field, name, what follows a number, digits, how it is defined.
DISTRIBUTIONS = (
    ("centroid", "spectral centroid", "Hz", 0, "librosa's, mean over frames: how bright"),
    ("zero_crossing_rate", "zero-crossing rate", "", 3, "librosa's, per sample: how noisy"),
    ("rms", "RMS", "", 4, "librosa's, mean over frames, full scale 1: energy"),
    ("rms_dbfs", "level", "dBFS", 1, "RMS of the whole clip in dB below full scale"),
    ("lufs", "loudness", "LUFS", 1, "integrated, ITU-R BS.1770: how loud to a listener"),
    ("duration", "duration", "s", 1, "of the file"),
)


def class_charts(statistics: ClipStatistics) -> list[Chart]:
    """Draw how many clips there are of each class and super-category, by fold."""
    table = statistics.table
    charts = [_balance("classes", "Clips of each class, by fold", table.classes, table.targets,
                       table.folds)]  # fmt: skip
    if statistics.categories is not None:
        names, numbers = np.unique(statistics.categories, return_inverse=True)
        of_clip = numbers[table.targets]
        title = "Clips of each super-category, by fold"
        charts.append(_balance("categories", title, names.tolist(), of_clip, table.folds))
    return charts


def _balance(
    key: str, title: str, names: Sequence[str], group: np.ndarray, folds: np.ndarray
) -> Chart:
    import plotly.graph_objects as go

    there = np.unique(folds)
    counts = np.array(
        [[((group == row) & (folds == fold)).sum() for fold in there] for row in range(len(names))]
    )
    plot = go.Figure(
        [
            go.Bar(x=row, y=np.arange(len(names)), orientation="h", name=f"fold {fold}")
            for row, fold in zip(counts.T, there, strict=True)
        ]
    )
    plot.update_layout(barmode="stack", xaxis_title="clips", legend_traceorder="normal")
    _rows(plot, names)
    sizes = counts.sum(1)
    least, most = sizes.min(), sizes.max()
    summary = (
        f"{len(names)} of {least if least == most else f'{least} to {most}'} clips each, "
        f"{sizes.sum():,} clips in {len(there)} folds."
    )
    columns = ["", *(f"fold {fold}" for fold in there), "all"]
    rows = [[name, *map(str, row), str(row.sum())] for name, row in zip(names, counts, strict=True)]
    table = Table(title, columns, rows)
    return Chart(key, title, summary, plot, table, min_width=row_width(names))


def distribution_charts(statistics: ClipStatistics) -> list[Chart]:
    """Draw each number's distribution by class; those that are alike throughout are left out."""
    charts = []
    for field, name, unit, digits, meaning in DISTRIBUTIONS:
        values = statistics.values(field)
        known = values[np.isfinite(values)]
        if known.size and np.ptp(known) > 10.0**-digits / 2:
            charts.append(_boxes(statistics, values, (field, name, unit, digits, meaning)))
    return charts


def _boxes(
    statistics: ClipStatistics, values: np.ndarray, what: tuple[str, str, str, int, str]
) -> Chart:
    import plotly.graph_objects as go

    field, name, unit, digits, meaning = what
    table, plot = statistics.table, go.Figure()
    rows, medians = [], []
    for target, category in enumerate(table.classes):
        own = values[(table.targets == target) & np.isfinite(values)]
        plot.add_box(
            x=np.round(own, digits + 2),
            y=np.full(len(own), target),
            orientation="h",
            name=figure_text(category),
            marker={"color": COLORS[0], "size": 4},
            line={"width": 1.4},
        )
        quarters = np.percentile(own, [0, 25, 50, 75, 100]) if own.size else np.full(5, np.nan)
        medians.append(quarters[2])
        numbers = [f"{number:,.{digits}f}" for number in quarters]
        rows.append([category, str(len(own)), *numbers])
    axis = name if not unit else f"{name} ({unit})"
    plot.update_layout(showlegend=False, xaxis_title=axis)
    _rows(plot, table.classes)
    least, most = int(np.nanargmin(medians)), int(np.nanargmax(medians))
    summary = (
        f"{meaning[0].upper()}{meaning[1:]}. By median, lowest: {table.classes[least]} "
        f"({medians[least]:,.{digits}f}), highest: {table.classes[most]} "
        f"({medians[most]:,.{digits}f})."
    )
    title = f"{name[0].upper()}{name[1:]} by class"
    columns = ["class", "clips", "least", "25%", "median", "75%", "greatest"]
    key = field.replace("_", "-")
    listed = Table(f"{axis} by class", columns, rows)
    return Chart(key, title, summary, plot, listed, min_width=row_width(table.classes))


def tone_chart(statistics: ClipStatistics) -> Chart:
    """Draw each class by its mean energy (RMS) and its mean tone (spectral centroid)."""
    import plotly.graph_objects as go

    table, groups = statistics.table, statistics.categories
    energy, tone = (_class_means(statistics, field) for field in ("rms", "centroid"))
    groups = np.full(len(table.classes), "classes") if groups is None else groups
    plot = go.Figure()
    for number, group in enumerate(dict.fromkeys(groups.tolist())):
        own = np.flatnonzero(groups == group)
        names = [figure_text(table.classes[c]) for c in own]
        plot.add_scatter(
            x=tone[own],
            y=energy[own],
            mode="markers+text" if len(table.classes) <= 12 else "markers",
            text=names,
            textposition="top center",
            cliponaxis=False,
            name=figure_text(group),
            marker={"size": 11, **_marker(number)},
            hovertemplate="%{text}<br>%{x:.0f} Hz, RMS %{y:.4f}<extra></extra>",
        )
    plot.update_layout(
        xaxis_title="mean spectral centroid (Hz)",
        yaxis_title="mean RMS",
        height=460,
        showlegend=statistics.categories is not None,
    )
    dark, bright, loud = int(tone.argmin()), int(tone.argmax()), int(energy.argmax())
    summary = (
        f"The darkest class is {table.classes[dark]} ({tone[dark]:,.0f} Hz), the brightest "
        f"{table.classes[bright]} ({tone[bright]:,.0f} Hz), the one of most energy "
        f"{table.classes[loud]} (RMS {energy[loud]:.3f})."
    )
    return Chart("tone", "Energy and tone of each class", summary, plot, _tone_table(statistics))


def _tone_table(statistics: ClipStatistics) -> Table:
    table, groups = statistics.table, statistics.categories
    fields = ("duration", "centroid", "zero_crossing_rate", "rms")
    means = [_class_means(statistics, field) for field in fields]

    def row(name: str, numbers: Sequence[float]) -> list[str]:
        formats = ("{:.2f}", "{:,.0f}", "{:.4f}", "{:.4f}")
        return [name, *(f.format(n) for f, n in zip(formats, numbers, strict=True))]

    rows = [row(name, [m[c] for m in means]) for c, name in enumerate(table.classes)]
    if groups is not None:
        of_clip = groups[table.targets]
        for group in dict.fromkeys(groups.tolist()):
            values = [statistics.values(field)[of_clip == group].mean() for field in fields]
            rows.append(row(f"all {group}", values))
    columns = ["class", "duration (s)", "centroid (Hz)", "zero-crossing rate", "RMS"]
    return Table("Means over the clips of each class", columns, rows)


def source_chart(statistics: ClipStatistics) -> Chart:
    """Draw how many clips were cut from one recording."""
    import plotly.graph_objects as go

    _, takes = np.unique(statistics.table.sources, return_counts=True)
    sizes, recordings = np.unique(takes, return_counts=True)
    plot = go.Figure(go.Bar(x=[str(size) for size in sizes], y=recordings))
    plot.update_layout(
        xaxis_title="clips of one recording", yaxis_title="recordings", xaxis_type="category",
        height=320,
    )  # fmt: skip
    shared = takes[takes > 1]
    summary = (
        f"{len(takes):,} recordings; {int(shared.sum()):,} of {takes.sum():,} clips share theirs "
        "with another clip. Takes of one recording must be on one side of a split."
    )
    rows = [[str(s), str(r), str(s * r)] for s, r in zip(sizes, recordings, strict=True)]
    numbers = Table("Recordings", ["clips of one recording", "recordings", "clips"], rows)
    return Chart("sources", "Recordings and their takes", summary, plot, numbers)


def map_chart(
    statistics: ClipStatistics, places: np.ndarray, colourings: Mapping[str, Sequence[str]]
) -> Chart:
    """Draw the map of all clips, once for each way to colour it; the page shows one at a time.

    Args:
        statistics: of the clips.
        places: float (clips, 2).
        colourings: by its name, the group of each clip.
    """
    import plotly.graph_objects as go

    table, plot = statistics.table, go.Figure()
    text = np.array(
        [
            f"{figure_text(name)}<br>{figure_text(table.classes[target])}"
            for name, target in zip(table.filenames, table.targets, strict=True)
        ],
        dtype=object,
    )
    for shown, (colouring, groups) in enumerate(colourings.items()):
        of_clip = np.array(groups, dtype=object)
        for number, group in enumerate(sorted(set(groups))):
            clips = np.flatnonzero(of_clip == group)
            plot.add_scatter(
                x=np.round(places[clips, 0], 2).tolist(),
                y=np.round(places[clips, 1], 2).tolist(),
                mode="markers",
                name=figure_text(group),
                customdata=clips.tolist(),
                text=text[clips],
                hovertemplate="%{text}<extra></extra>",
                marker={"size": 7, "opacity": 0.85, **_marker(number)},
                unselected={"marker": {"opacity": 0.08}},
                meta=colouring,
                visible=shown == 0,
            )
    plain: dict[str, Any] = {"showticklabels": False, "showgrid": False, "zeroline": False}
    lines = max(len(set(groups)) for groups in colourings.values()) // 6  # of the legend
    plot.update_layout(xaxis=plain, yaxis=plain, height=620 + LEGEND_LINE * lines)
    summary = (
        "One point per clip; clips whose log-mels are alike lie close together. Directions and "
        "distances between far points mean nothing. Choose a point, or a clip from the list, to "
        "hear it."
    )
    return Chart("map", "Map of all clips", summary, plot)


def _class_means(statistics: ClipStatistics, field: str) -> np.ndarray:
    values, targets = statistics.values(field), statistics.table.targets
    return np.bincount(targets, values) / np.bincount(targets)


def _marker(number: int) -> dict[str, str]:
    """Colours first, then the same with another symbol: 64 groups can be told apart."""
    turn = number // len(COLORS) % len(SYMBOLS)
    return {"color": COLORS[number % len(COLORS)], "symbol": SYMBOLS[turn]}


def _rows(plot: "Figure", names: Sequence[str]) -> None:
    """Name the rows of a figure with one row per class, the first on top."""
    plot.update_layout(
        height=130 + ROW * len(names),
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": [figure_text(name) for name in names],
            "range": [len(names) - 0.4, -0.6],
        },
    )

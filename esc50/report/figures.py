"""Interactive figures: plotly's, with a common look, and what they say in words and numbers."""

import html
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from esc50.errors import UserError
from esc50.results.display.tables import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Told apart with the common kinds of colour blindness, and on white and on black alike.
COLORS = ("#2f7ed8", "#d9601a", "#1a9e77", "#c2478f", "#8a6bd1", "#b8860b", "#4a9db5", "#a0522d")
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "x", "triangle-down")
SCALE = 4  # pixels of a saved image per pixel on the screen: 300 dpi in a column of print
TITLED = 96  # pixels above a saved image's plot for its title, which a page has in the caption
LONGEST = 32  # characters of a name in a figure
LEVEL = 12  # characters of a name that may stand level
LONG = 16  # characters of a name that leaves room beside it on a phone
ROWS = 240  # pixels of the rows themselves
LEGEND_LINE = 19  # pixels of a line of the legend
LETTER = 7  # pixels of one of its letters
FEW = 12  # numbers on an axis, each of which has its mark
FAR = 10  # times as far from the median as the best is: such values flatten all others
SPIKE = 4  # times as high as the rest of all curves: so high a start flattens them


def _look(paper: str, ink: str, grid: str, empty: str, full: str) -> dict[str, Any]:
    """A plotly template; colours are page, text, grid lines, and the scale's ends."""
    axis: dict[str, Any] = {
        "gridcolor": grid,
        "linecolor": grid,
        "zerolinecolor": grid,
        "automargin": True,
        "ticklabelstandoff": 4,
    }
    axis |= {"title": {"standoff": 8}}  # beyond the names of ticks, however long
    return {
        # Marks of several sizes get a ring by plotly, which is white on black, too.
        "data": {"scatter": [{"marker": {"line": {"width": 0}}}]},
        "layout": {
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "font": {"color": ink, "size": 13, "family": "system-ui, sans-serif"},
            "colorway": list(COLORS),
            "colorscale": {"sequential": [[0, empty], [1, full]]},
            "coloraxis": {"colorscale": [[0, empty], [1, full]]},
            "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"align": "left"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink, "activecolor": full},
            "legend": {
                "orientation": "h",
                "y": 1.02,
                "yanchor": "bottom",
                "x": 0,
                "tracegroupgap": 0,
            },
        },
    }


# Which of them a page shows follows the reader's own choice; papers get the light one.
TEMPLATES = {
    "light": _look("#ffffff", ink="#1c1e21", grid="#d5d9de", empty="#f2f6fb", full="#0b4a8f"),
    "dark": _look("#14171b", ink="#e6e8eb", grid="#41464d", empty="#1d232b", full="#8cc4ff"),
}


@dataclass(frozen=True)
class Chart:
    """A figure, with what it says for those who cannot see it.

    Attributes:
        key: names it in links and files: letters, digits, hyphens.
        title: its caption.
        summary: what is to be seen, in a sentence or two.
        plot: plotly's figure; its template is replaced by ours.
        table: its numbers, shown on demand.
        min_width: pixels; on a narrower screen it is scrolled.
    """

    key: str
    title: str
    summary: str
    plot: "Figure"
    table: Table | None = None
    min_width: int = 0

    @property
    def height(self) -> int:
        """Pixels that it takes on the page."""
        return int(self.plot.layout.height or 420)


def figure_text(name: object, longest: int = LONGEST) -> str:
    """Write a name so that plotly, which reads a kind of HTML, shows it as it is, cut if long."""
    text = str(name)
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return html.escape(short, quote=False)


def name_places(plot: "Figure", names: Sequence[str]) -> None:
    """Name the places 0, 1, ... of the horizontal axis; the figure has its height already.

    Long names stand upright, for which the figure grows: level ones are left out on a phone.
    """
    shown, longest = [figure_text(name) or "-" for name in names], _longest(names)
    plot.update_xaxes(
        tickvals=list(range(len(names))), ticktext=shown, range=[-0.5, len(names) - 0.5]
    )
    if longest > LEVEL:
        plot.update_xaxes(tickangle=-90)
        plot.layout.height += LETTER * longest


def row_width(names: Sequence[str]) -> int:
    """The pixels that a figure of one row per name is wide at the least; 0 where any width does.

    Beside long names a phone has no room for the rows.
    """
    longest = _longest(names)
    return 0 if longest <= LONG else ROWS + LETTER * longest


def _longest(names: Sequence[str]) -> int:
    """The letters of the longest name, as figures show it."""
    return min(max(map(len, names), default=0), LONGEST)


def limit_axis(plot: "Figure", values: Sequence[float], low_is_best: bool) -> str:
    """End the vertical axis before values far worse than the others, which it would flatten.

    Values that are not finite have no place on an axis, and count for nothing.

    Returns:
        A sentence, after a space, on what the figure does not show; "" where it shows all.
    """
    sign = 1 if low_is_best else -1
    costs = sorted(sign * value for value in values if isfinite(value))
    if not costs:
        return ""
    middle = median(costs)
    far = [cost for cost in costs if cost > middle + FAR * (middle - costs[0])]
    if not far or middle == costs[0]:
        return ""
    kept = costs[: -len(far)]
    room = 0.06 * (kept[-1] - kept[0])
    plot.update_yaxes(range=sorted((sign * (kept[0] - room), sign * (kept[-1] + room))))
    return _beyond(len(far), "worse", f"{'up' if low_is_best else 'down'} to {sign * far[-1]:.4g}")


def limit_curves(plot: "Figure") -> str:
    """End the vertical axis above its curves without the few values that tower above all others.

    Of each curve these are one in twenty, or one: a first epoch of a loss, or some. The highest is
    written where its curve leaves the figure.

    Returns:
        See `limit_axis`.
    """
    points = [
        (y, x) for line in plot.data for x, y in zip(line.x, line.y, strict=True) if isfinite(y)
    ]
    rests = [sorted(filter(isfinite, line.y))[: -max(1, len(line.y) // 20)] for line in plot.data]
    ceiling = max((rest[-1] for rest in rests if rest), default=0.0)
    highest, where = max(points, default=(0.0, 0))
    if ceiling <= 0 or highest <= SPIKE * ceiling:
        return ""
    plot.update_yaxes(range=[0, 1.06 * ceiling])
    plot.add_annotation(
        x=where, y=1, yref="y domain", yanchor="top", xanchor="left", showarrow=False,
        text=f" ↑ {highest:.4g}",
    )  # fmt: skip
    far = sum(value > ceiling for value, _ in points)
    return _beyond(far, "higher", f"up to {highest:.4g}")


def _beyond(far: int, how: str, up_to: str) -> str:
    values_are = "value is" if far == 1 else "values are"
    return f" {far} {values_are} far {how}, {up_to}, and beyond the axis: a double click shows all."


def chart_json(chart: Chart, **_: Any) -> str:
    """Write a figure's data and layout as JSON, without a template: the page brings that.

    It may be `dumps` of Jinja, which makes it safe inside a script element.
    """
    from plotly.io.json import to_json_plotly

    plot = chart.plot.to_plotly_json()
    plot["layout"].pop("template", None)
    return to_json_plotly({"data": plot["data"], "layout": plot["layout"]})


def save_images(charts: Sequence[Chart], folder: Path, words: str = "") -> None:
    """Write figures as `<key>.png` for papers: on white, `SCALE` times as fine as on the screen.

    Args:
        charts: what is drawn.
        folder: where the files go.
        words: what must be said of all their numbers, to follow each title; see `labels.label`.

    Raises:
        UserError: kaleido, which makes them, or the browser that it needs is missing.
    """
    import plotly.graph_objects as go
    import plotly.io

    folder.mkdir(parents=True, exist_ok=True)
    plots = [go.Figure(chart.plot) for chart in charts]
    for plot, chart in zip(plots, charts, strict=True):
        text = html.escape(chart.title + words, quote=False)
        title = {"text": text, "yref": "container", "y": 0.97, "yanchor": "top"}
        plot.update_layout(template=TEMPLATES["light"], title=title, margin_t=TITLED)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part") as part:
        paths = [Path(part) / f"{chart.key}.png" for chart in charts]
        try:
            plotly.io.write_images(
                fig=plots, file=paths, scale=SCALE, width=900, height=[c.height for c in charts]
            )
        except (ValueError, RuntimeError) as error:
            raise UserError(
                "figures cannot be written as PNG: install kaleido (pip install 'esc50[png]') and "
                f"a Chrome or Chromium that it finds ({str(error).strip().splitlines()[0]})"
            ) from None
        for path in paths:
            path.replace(folder / path.name)

"""Figures of results: which class was taken for which, and which classes are hard."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esc50.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Fonts that come with systems, for letters that matplotlib's own lacks.
OTHER_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "WenQuanYi Zen Hei", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS",
)  # fmt: skip
NUMBERED = 20  # up to so many classes the cells can hold legible counts


def confusion_figure(counts: np.ndarray, classes: Sequence[str], title: str = "") -> "Figure":
    """Draw a confusion matrix.

    Args:
        counts: int (C, C), rows are targets, columns predictions.
        classes: the C names.
        title: what the numbers are of, with the words that must stand beside them.
    """
    n = len(classes)
    side = 2.5 + max(0.2 * n, 2.5)
    figure = _figure(side + 0.8, side)
    axes = figure.add_subplot()
    tested = np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(counts / tested, cmap="Blues", vmin=0, vmax=1)
    names = [plain(name) for name in classes]
    axes.set_xticks(range(n), names, rotation=90, fontsize=8)
    axes.set_yticks(range(n), names, fontsize=8)
    axes.set(xlabel="prediction", ylabel="target")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, label="share of the target's tests", fraction=0.046)
    if n <= NUMBERED:
        middle: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
        for row, column in np.argwhere(counts > 0):
            dark = counts[row, column] > 0.5 * tested[row, 0]
            color = "white" if dark else "black"
            axes.text(column, row, counts[row, column], color=color, **middle)
    return figure


def classes_figure(per_class: Sequence[Mapping[str, Any]], title: str = "") -> "Figure":
    """Draw the accuracy of each class with its 95% interval, the hardest on top.

    Args:
        per_class: one mapping per class: class (name), acc, low, high in [0, 1], n.
        title: what the numbers are of, with the words that must stand beside them.
    """
    rows = sorted(per_class, key=lambda row: (-row["acc"], row["class"]))
    accuracy = np.array([row["acc"] for row in rows])
    # Rounding may put an interval's end on the wrong side of an accuracy of 0 or 1.
    below = np.clip(accuracy - [row["low"] for row in rows], 0, None)
    above = np.clip([row["high"] for row in rows] - accuracy, 0, None)
    figure = _figure(7, 1.5 + 0.2 * len(rows))
    axes = figure.add_subplot()
    axes.barh(range(len(rows)), 100 * accuracy, color="#6baed6")
    axes.errorbar(
        100 * accuracy,
        range(len(rows)),
        xerr=100 * np.array([below, above]),
        fmt="none",
        ecolor="#333333",
        elinewidth=1,
        capsize=2,
    )
    axes.set_yticks(
        range(len(rows)), [f"{plain(row['class'])} ({row['n']})" for row in rows], fontsize=8
    )
    axes.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4))
    axes.set_xlabel("test accuracy in %, 95% interval (number of tests in brackets)", fontsize=9)
    axes.set_title(title, fontsize=10)
    return figure


def input_figure(logmels: np.ndarray, titles: Sequence[str], seconds: float) -> "Figure":
    """Draw what a network is given: a clip a column, in the first row as it is.

    Args:
        logmels: float (rows, clips, height, width); of two rows the second is augmented.
        titles: of the clips.
        seconds: across a picture.
    """
    n_rows, n_clips = logmels.shape[:2]
    figure = _figure(1.6 * n_clips + 1, 1.8 * n_rows + 0.8)
    grid = figure.subplots(n_rows, n_clips, sharex=True, sharey=True, squeeze=False)
    low, high = np.quantile(logmels, [0.005, 0.995])
    for row, name in enumerate(("clip", "augmented")[:n_rows]):
        for column in range(n_clips):
            axes = grid[row, column]
            box = (0.0, seconds, 0.0, float(logmels.shape[2]))
            axes.imshow(
                logmels[row, column], origin="lower", aspect="auto", vmin=low, vmax=high, extent=box
            )
            if row == 0:
                axes.set_title(plain(titles[column], 20), fontsize=8)
            axes.tick_params(labelsize=7)
        grid[row, 0].set_ylabel(f"{name}\nmel row", fontsize=8)
    figure.supxlabel("seconds", fontsize=8)
    return figure


def plain(name: str, longest: int = 40) -> str:
    """Cut a name if it is long; what figures of this module say is never read as a formula."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120)


def _figure(width: float, height: float) -> "Figure":
    """Make a figure in inches without pyplot, which would keep it and look for a screen."""
    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rcParams["text.parse_math"] = False  # a class called $^$ is a name, not mathematics
    rcParams["font.family"] = _families()
    # A letter that none of them has is a box; a line on the console for each would help nobody.
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from")
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@cache
def _families() -> list[str]:
    """Matplotlib's own font, and after it what the machine has for other scripts."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in there)]

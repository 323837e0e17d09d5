import json
import shutil
import sys

import numpy as np
import plotly.graph_objects as go
import pytest

from esc50.errors import UserError
from esc50.report.figures import (
    TEMPLATES,
    Chart,
    chart_json,
    figure_text,
    limit_axis,
    name_places,
    row_width,
    save_images,
)


def chart():
    return Chart("bars", "Bars", "One bar.", go.Figure(go.Bar(x=["a"], y=[np.nan])))


def contrast(one, other):
    """Contrast of two colours as WCAG 2 defines it."""

    def luminance(color):
        parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", TEMPLATES)
def test_figures_can_be_read_in_both_schemes(scheme):
    layout = TEMPLATES[scheme]["layout"]
    paper = layout["paper_bgcolor"]
    assert contrast(layout["font"]["color"], paper) > 7
    assert all(contrast(color, paper) > 3 for color in layout["colorway"])


def test_names_are_shown_as_they_are_and_cut():
    assert figure_text("<b>&") == "&lt;b&gt;&amp;"
    assert figure_text("x" * 200) == "x" * 31 + "…"


def test_a_gap_is_null_and_the_look_is_left_to_the_page():
    stored = chart_json(chart())
    assert "NaN" not in stored and "template" not in json.loads(stored)["layout"]


def test_without_kaleido_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    monkeypatch.setattr("plotly.io._kaleido.kaleido_available", lambda: False)
    with pytest.raises(UserError, match=r"pip install 'esc50\[png\]'"):
        save_images([chart()], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_images_are_four_times_as_fine(tmp_path):
    pytest.importorskip("kaleido", reason="images need the extra `png`")
    if not shutil.which("chromium") and not shutil.which("google-chrome"):
        pytest.skip("no browser")
    from PIL import Image

    save_images([chart()], tmp_path)
    assert Image.open(tmp_path / "bars.png").size == (3600, 1680)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_axis_ends_before_what_is_far_worse_and_says_so(sign):
    plot = go.Figure()
    values = [sign * value for value in (1.0, 1.1, 1.2, 1.3, 90.0)]
    said = limit_axis(plot, values, low_is_best=sign == 1)
    assert max(abs(end) for end in plot.layout.yaxis.range) < 2
    assert f"1 value is far worse, {'up' if sign == 1 else 'down'} to {sign * 90}" in said
    # What is far better is what one looks for.
    assert limit_axis(go.Figure(), values, low_is_best=sign == -1) == ""
    assert limit_axis(go.Figure(), values[-2:], low_is_best=sign == 1) == ""


def test_what_is_no_number_has_no_say_in_where_an_axis_ends():
    nan, inf = float("nan"), float("inf")
    plot, known = go.Figure(), go.Figure()
    values = [1.3, nan, 1.0, 90.0, 1.1, inf, nan, 1.2]
    assert "1 value is far worse, up to 90" in limit_axis(plot, values, low_is_best=True)
    limit_axis(known, [1.3, 1.0, 90.0, 1.1, 1.2], low_is_best=True)
    assert plot.layout.yaxis.range == known.layout.yaxis.range
    assert limit_axis(go.Figure(), [nan, inf], low_is_best=True) == ""


def test_long_names_below_a_figure_stand_upright_in_room_of_their_own():
    short, long = (go.Figure(layout={"height": 300}) for _ in range(2))
    name_places(short, ["adam", ""])
    assert short.layout.xaxis.ticktext == ("adam", "-") and short.layout.height == 300
    assert short.layout.xaxis.tickangle is None and short.layout.xaxis.range == (-0.5, 1.5)
    name_places(long, ["adam", "x" * 200])
    assert long.layout.xaxis.tickangle == -90 and 300 + 32 * 5 < long.layout.height < 600


def test_beside_long_names_there_is_room_for_the_rows():
    assert row_width([]) == row_width(["washing_machine"]) == 0
    assert 400 < row_width(["dog", "x" * 200]) < 500

import numpy as np

from esc50.report.run.charts import (
    classes_chart,
    coverage_chart,
    curves,
    read_history,
    reliability_chart,
)
from esc50.report.run.scores import Bin, by_class, coverage, reliability
from esc50.report.run.subject import find_subject


def test_the_tested_epoch_is_a_star_and_is_said(tiny_run):
    rows = read_history(tiny_run)
    charts = {chart.key: chart for chart in curves({"run": rows}, {"run": 2}, leaky=True)}
    assert list(charts) == ["curve-loss", "curve-accuracy", "curve-rate", "curve-speed"]
    loss = charts["curve-loss"]
    train, val = loss.plot.data
    assert list(train.y) == [row["train/loss"] for row in rows]
    assert list(val.marker.symbol) == ["circle", "star"] and val.name == "val/loss LEAKY"
    assert f"epoch, 2: train/loss {rows[1]['train/loss']:.4g}" in loss.summary
    assert "clips per second" in charts["curve-speed"].summary
    assert loss.table.columns == ["epoch", "train/loss", "val/loss LEAKY"]


def test_several_runs_share_a_figure(tiny_run):
    rows = read_history(tiny_run)
    loss = curves({"a": rows, "b": rows[:1]}, {"a": 1, "b": None}, leaky=False)[0]
    assert "star" in loss.summary and "star" in loss.plot.data[0].marker.symbol
    lines = loss.plot.data
    assert [line.name for line in lines if line.showlegend] == ["a", "b"]
    assert [line.legendgroup for line in lines] == ["0", "0", "1", "1"]
    assert "<extra>a, val/loss</extra>" in lines[1].hovertemplate
    assert loss.plot.layout.yaxis.title.text == "train/loss: solid<br>val/loss: dotted"
    assert [row[0] for row in loss.table.rows] == ["a, 1", "a, 2", "b, 1"]


def test_a_first_loss_that_would_flatten_the_rest_is_beyond_the_axis_and_said():
    rows = [{"epoch": 1.0 + n, "val/loss": loss} for n, loss in enumerate((90.0, 2.0, 1.0))]
    loss, *_ = curves({"a": rows}, {"a": 3}, leaky=False)
    assert loss.plot.layout.yaxis.range[1] < 3
    assert loss.summary.endswith("1 value is far higher, up to 90, and beyond the axis: "
                                 "a double click shows all.")  # fmt: skip
    assert loss.plot.layout.annotations[-1].text == " ↑ 90"
    rows[0]["val/loss"] = 5.0
    assert curves({"a": rows}, {"a": 3}, leaky=False)[0].plot.layout.yaxis.range is None


def test_runs_that_share_a_colour_differ_in_their_marks():
    rows = [{"epoch": 1.0, "train/loss": 2.0}, {"epoch": 2.0, "train/loss": 1.0}]
    lines = curves({f"run {n}": rows for n in range(15)}, {}, leaky=False)[0].plot.data
    assert len({(line.line.color, line.marker.symbol[0]) for line in lines}) == 15


def test_where_no_epoch_is_known_to_be_tested_no_star_is_spoken_of(tiny_run):
    rows = read_history(tiny_run)
    for histories in ({"a": rows}, {"a": rows, "b": rows}):
        for chosen in ({}, {"a": None}, {"a": 9}):  # of nine epochs, seven are gone
            loss = curves(histories, chosen, leaky=False)[0]
            assert "star" not in loss.summary and not loss.plot.layout.shapes
            assert all("star" not in line.marker.symbol for line in loss.plot.data)


def test_a_history_that_is_gone_or_damaged_is_none(tmp_path):
    assert read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text("epoch,val/loss\n1,2\n2,oops\n")
    assert read_history(tmp_path) == []


def test_every_number_of_a_leaky_run_is_labelled(tmp_path, make_run):
    tests = find_subject(make_run(tmp_path / "run", skill=1.0)).tests
    for leaky in (True, False):
        charts = [
            classes_chart(by_class(tests), leaky),
            reliability_chart(reliability(tests), 0.1, leaky),
            coverage_chart(coverage(tests), leaky),
        ]
        for chart in charts:
            assert ("LEAKY" in chart.title) == ("LEAKY" in chart.summary) == leaky
            axes = str(chart.plot.layout.xaxis.title.text) + str(chart.plot.layout.yaxis.title.text)
            assert ("LEAKY" in axes) == leaky


def test_a_full_bin_of_confidence_does_not_cover_the_figure():
    bins = [Bin(n, share, share, 0.0, 1.0) for n, share in ((1, 0.3), (30, 0.7), (4000, 0.99))]
    plot = reliability_chart(bins, 0.1, leaky=False).plot
    sizes = plot.data[1].marker.size
    assert list(sizes) == sorted(sizes) and sizes[0] > 4 and sizes[-1] < 30
    for axis in (plot.layout.xaxis, plot.layout.yaxis):  # marks at an end are whole
        assert axis.range[0] < 0 and axis.range[1] > 1


def test_the_hardest_class_is_on_top(tmp_path, make_run):
    rows = by_class(find_subject(make_run(tmp_path / "run", skill=1.0)).tests)
    points = classes_chart(rows, leaky=False).plot.data[0]
    assert list(points.x) == sorted((row["recall"][0] for row in rows), reverse=True)
    assert np.all(np.array(points.error_x.arrayminus) >= 0)
    # A bar would hide the lower half of its interval.
    assert points.type == "scatter" and points.mode == "markers"


def test_a_history_that_is_no_csv_is_left_out(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,x\n1," + "x" * 200_000)
    assert read_history(tmp_path) == []

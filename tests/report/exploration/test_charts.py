import numpy as np

from esc50.report.exploration.charts import (
    class_charts,
    distribution_charts,
    map_chart,
    source_chart,
    tone_chart,
)
from tests.report.conftest import CLASSES


def test_counts_of_each_class_and_fold(explored):
    (chart,) = class_charts(explored.statistics)
    assert [row[0] for row in chart.table.rows] == list(CLASSES)
    assert chart.table.rows[3] == ["plain", "2", "2", "2", "1", "2", "9"]
    assert sum(bar.x.sum() for bar in chart.plot.data) == 39


def test_distributions_are_those_of_the_clips(explored):
    charts = {chart.key: chart for chart in distribution_charts(explored.statistics)}
    assert "duration" not in charts  # all are half a second long
    values = explored.statistics.values("centroid")[explored.table.targets == 0]
    row = charts["centroid"].table.rows[0]
    assert row[1:] == ["10", *(f"{np.percentile(values, q):,.0f}" for q in (0, 25, 50, 75, 100))]
    silent = charts["rms-dbfs"].table.rows[3]
    assert silent[1] == "8"  # one of the nine clips has no level


def test_energy_and_tone_are_means_by_class(explored):
    chart = tone_chart(explored.statistics)
    mean = explored.statistics.values("rms")[explored.table.targets == 2].mean()
    assert chart.table.rows[2][-1] == f"{mean:.4f}"
    np.testing.assert_allclose(chart.plot.data[0].y[2], mean)


def test_recordings_with_several_takes_are_counted(esc50_table):
    from esc50.data.tables.table import read_table
    from esc50.report.exploration.statistics import ClipStatistics

    table = read_table(esc50_table.parent, check_files=False, table=esc50_table)
    chart = source_chart(ClipStatistics(table, (), {}))
    assert "1,524 recordings" in chart.summary
    assert sum(int(row[2]) for row in chart.table.rows) == 2000


def test_every_colouring_of_the_map_shows_every_clip(explored):
    n = len(explored.table)
    places = np.zeros((n, 2))
    plot = map_chart(explored.statistics, places, {"a": ["x"] * n, "b": ["y", *"z" * (n - 1)]}).plot
    for colouring, visible in (("a", True), ("b", False)):
        traces = [trace for trace in plot.data if trace.meta == colouring]
        assert all(trace.visible == visible for trace in traces)
        clips = np.concatenate([trace.customdata for trace in traces])
        assert sorted(clips) == list(range(n))
    assert "&lt;script&gt;" in plot.data[0].text[0]

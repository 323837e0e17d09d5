import pytest

pytest.importorskip("optuna", reason="searches need the extra `sweep`")
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from esc50.sweep.search.charts import StudyCharts

SPACE = {
    "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
    "batch_size": CategoricalDistribution(["16", "32"]),
}


def trial(value, lr=1e-3, size="16", pruned=False, steps=()):
    return create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=None if pruned else value,
        params={"optimizer.lr": lr, "batch_size": size},
        distributions=SPACE,
        intermediate_values=dict(steps),
    )


@pytest.fixture
def study():
    study = optuna.create_study(direction="minimize")
    study.add_trial(trial(0.5, 1e-2, steps={0: 0.9, 1: 0.5}.items()))
    study.add_trial(trial(None, pruned=True, steps={0: 2.0}.items()))
    study.add_trial(trial(0.4, 1e-3, "32"))
    study.add_trial(trial(0.6, 2e-4))
    study.add_trial(trial(2900.0, 5e-2))
    return study


def test_one_bad_trial_does_not_flatten_the_others(study):
    charts = StudyCharts(study, "val/loss")
    history, *slices = [charts.history(), *charts.slices()]
    for chart in (history, *slices):
        low, high = chart.plot.layout.yaxis.range
        assert low < 0.4 and 2.0 < high < 2.5 and "up to 2900" in chart.summary  # 2.0 was pruned
    line = charts.parallel().plot.data[0]
    assert max(line.line.color) < 1
    _, so_far, pruned = history.plot.data
    assert list(so_far.y) == [0.5, 0.4, 0.4, 0.4]
    assert (list(pruned.x), list(pruned.y)) == ([1], [2.0])
    assert list(slices[0].plot.data[0].marker.symbol).index("diamond") == 1  # that of 0.4


def test_axes_are_named_by_the_metric_and_epochs_count_from_one(study):
    charts = StudyCharts(study, "val/loss LEAKY").overall()
    assert [chart.key for chart in charts] == ["history", "importances", "steps", "parallel"]
    assert all("Objective" not in str(chart.plot) for chart in charts)
    assert all("LEAKY" in chart.plot.layout.yaxis.title.text for chart in (charts[0], charts[2]))
    steps = charts[2]
    assert list(steps.plot.data[0].x) == [1, 2] and steps.plot.layout.xaxis.title.text == "epoch"
    assert {line.name for line in steps.plot.data} == {"others", "pruned"}
    assert steps.table.columns == ["trial", "epoch 1", "epoch 2"]
    assert steps.table.rows == [["0", "0.9000", "0.5000"], ["1", "2.0000", "-"]]
    folds = StudyCharts(study, "val/loss", "fold").steps_chart()
    assert folds.table.columns == ["trial", "fold 1", "fold 2"]


def test_settings_are_shown_on_their_own_scales_without_quotes(study):
    rate, size = StudyCharts(study, "val/loss").slices()
    assert rate.plot.layout.xaxis.type == "log" and rate.title == "optimizer.lr"
    assert list(size.plot.layout.xaxis.ticktext) == ["16", "32"]
    assert list(size.plot.data[0].x) == [0, 1, 0, 0]


def test_a_page_leaves_every_figure_its_width_and_colours(study):
    charts = StudyCharts(study, "val/loss")
    for chart in [*charts.overall(), *charts.slices()]:
        assert chart.plot.layout.width is None and chart.plot.layout.paper_bgcolor is None

import warnings

import numpy as np
import pytest

from esc50.results.display import figures
from esc50.results.display.figures import (
    NUMBERED,
    classes_figure,
    confusion_figure,
    input_figure,
    save,
)


def test_a_confusion_matrix_shows_its_counts_by_the_share_of_the_target():
    counts = np.array([[3, 1], [0, 8]])
    (axes, *_) = confusion_figure(counts, ["dog", "rain"], "made up").axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "3", (1, 0): "1", (1, 1): "8"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dog", "rain"]
    assert axes.get_title() == "made up"


def test_a_class_without_tests_and_too_many_classes_are_drawn_too():
    n = NUMBERED + 1
    (axes, *_) = confusion_figure(np.zeros((n, n), int), [f"c{i}" for i in range(n)]).axes
    assert not axes.texts and not axes.images[0].get_array().any()


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 1.0])
def test_the_hardest_class_is_on_top_and_its_interval_around_its_accuracy(accuracy):
    rows = [
        {"class": "easy", "acc": 1.0, "low": 0.9, "high": 1.0, "n": 8},
        {"class": "hard", "acc": accuracy, "low": accuracy + 1e-12, "high": 1.0, "n": 4},
    ]
    (axes,) = classes_figure(rows).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["easy (8)", "hard (4)"]  # from the bottom
    assert [bar.get_width() for bar in axes.patches] == [100.0, 100 * accuracy]


def test_formulas_and_long_names_are_shown_as_they_are(tmp_path):
    names = [r"$\frac$", "x" * 200]
    figure = confusion_figure(np.eye(2, dtype=int), names)
    save(figure, tmp_path / "f.png")  # where matplotlib would read the formula
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [r"$\frac$", "x" * 39 + "…"]
    assert not any(label.get_parse_math() for label in figure.axes[0].get_yticklabels())


def test_inputs_are_labelled_and_share_a_scale(tmp_path):
    logmels = np.random.default_rng(0).normal(size=(2, 3, 8, 10))
    figure = input_figure(logmels, ["dog", "$a$", "rain"], seconds=5)
    save(figure, tmp_path / "f.png")
    assert [axes.get_title() for axes in figure.axes[:3]] == ["dog", "$a$", "rain"]
    assert [figure.axes[row].get_ylabel() for row in (0, 3)] == [
        "clip\nmel row",
        "augmented\nmel row",
    ]
    assert len({axes.images[0].get_clim() for axes in figure.axes}) == 1
    np.testing.assert_array_equal(figure.axes[4].images[0].get_array(), logmels[1, 1])


def test_a_figure_is_written_as_png(tmp_path):
    save(confusion_figure(np.eye(2, dtype=int), ["a", "b"]), tmp_path / "f.png")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_a_class_of_any_name_is_drawn_as_it_is(tmp_path):
    save(confusion_figure(np.eye(2, dtype=int), ["$^$", "a_b"], "$x"), tmp_path / "f.png")
    assert (tmp_path / "f.png").is_file()


def test_a_letter_that_no_font_has_costs_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(confusion_figure(np.eye(2, dtype=int), ["\ue123", "b"]), tmp_path / "f.png")


def test_fonts_of_other_scripts_are_used_where_there_are_any(monkeypatch):
    monkeypatch.setattr("matplotlib.font_manager.get_font_names", lambda: ["Yu Gothic", "Arial"])
    figures._families.cache_clear()
    assert figures._families() == ["DejaVu Sans", "Yu Gothic"]
    figures._families.cache_clear()

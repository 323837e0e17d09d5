import numpy as np
import pytest

from esc50.audio.files.channels import CANCELLED
from esc50.audio.files.containers import UNMARKED
from esc50.audio.files.read import SILENT
from esc50.deploy.prediction import NONE, Event, Prediction, remarks_of

SPANS = np.array([[0, 5], [2.5, 7.5], [5, 10], [6, 11]])
WINDOWS = np.array([[0.9, 0.1], [0.7, 0.3], [0.45, 0.55], [0.2, 0.8]], np.float32)


def test_a_sound_is_the_mean_of_its_windows():
    one = Prediction("a.wav", ("dog", "rain"), SPANS, WINDOWS)
    np.testing.assert_allclose(one.probabilities, [0.5625, 0.4375])
    assert one.best == one.label == "dog" and one.seconds == 11
    assert [name for name, _ in one.top(5)] == ["dog", "rain"]
    assert repr(one) == "<a.wav: dog 0.56, 11.0 s>"


def test_below_the_threshold_it_is_none_of_these():
    one = Prediction("a.wav", ("dog", "rain"), SPANS, WINDOWS, threshold=0.6)
    assert one.best == "dog" and one.label == NONE
    assert repr(one) == "<a.wav: none of these (at best dog 0.56), 11.0 s>"


def test_events_meet_half_way_between_the_middles_of_windows():
    one = Prediction("a.wav", ("dog", "rain"), SPANS, WINDOWS, threshold=0.6)
    assert one.events() == [
        Event(0.0, 6.25, "dog", "dog", pytest.approx(0.8)),
        Event(6.25, 8.0, NONE, "rain", pytest.approx(0.55)),
        Event(8.0, 11.0, "rain", "rain", pytest.approx(0.8)),
    ]


def test_none_of_these_has_the_class_that_came_nearest_over_the_whole_stretch():
    windows = np.array([[0.5, 0.4, 0.1], [0.2, 0.5, 0.3]], np.float32)
    one = Prediction("a.wav", ("dog", "rain", "sea"), SPANS[:2], windows, threshold=0.6)
    assert one.events() == [Event(0.0, 7.5, NONE, "rain", pytest.approx(0.45))]


def test_a_sound_is_silent_where_all_its_windows_are_and_odd_where_one_is():
    assert remarks_of([(SILENT,), (SILENT,)]) == ("is silent",)
    assert remarks_of([(SILENT,), ()]) == remarks_of([(), ()]) == ()
    assert remarks_of([(), (UNMARKED,)]) == ("ends without the mark of an end, and may be cut off",)
    (one,) = remarks_of([(SILENT,), (SILENT, CANCELLED)])
    assert one.startswith("has channels that cancel each other")

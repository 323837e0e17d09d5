import pytest

from esc50.results.numbers import duration, percent, spread


def test_parts_are_written_in_percent():
    assert (percent(0.12345), percent(0.0), percent(None)) == ("12.35%", "0.00%", "-")
    assert (spread(0.5, 0.01), spread(0.5, None)) == ("50.00% ± 1.00%", "50.00%")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (720, "12 min"), (7200, "2.0 h")],
)
def test_a_duration_has_the_unit_that_fits(seconds, text):
    assert duration(seconds) == text

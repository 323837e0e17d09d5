import threading

import pytest

from esc50.data.threads import AHEAD, for_each


def test_results_come_in_order_and_few_are_made_ahead_of_time():
    taken, done = [], []

    def items():
        for item in range(200):
            taken.append(item)
            assert len(taken) - len(done) <= AHEAD * 3
            yield item

    for_each(lambda item: item**2, items(), lambda item, result: done.append((item, result)), 3)
    assert done == [(item, item**2) for item in range(200)]


@pytest.mark.parametrize("place", ["work", "then"])
def test_the_first_error_ends_it_and_no_thread_is_left(place):
    def fail(*_):
        raise KeyError(place)

    before, done = threading.active_count(), []
    work, then = (fail, done.append) if place == "work" else (done.append, fail)
    with pytest.raises(KeyError, match=place):
        for_each(work, range(1000), then, 2)
    assert threading.active_count() == before
    assert len(done) < 100

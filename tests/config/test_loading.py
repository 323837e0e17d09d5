import gc
import os

import pytest

from esc50.config.loading import SPINS, quick_imports


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_the_collector_rests_within_and_then_leaves_alone_what_came(thawed):
    before = gc.get_freeze_count()
    with quick_imports():
        assert not gc.isenabled()
        came = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(came)


def test_a_failing_import_leaves_the_collector_as_it_was(thawed):
    with pytest.raises(ModuleNotFoundError), quick_imports():
        import no_such_module  # noqa: F401
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, SPINS),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "passive"}, None),
    ],
)
def test_threads_wait_briefly_unless_the_user_says_how(monkeypatch, thawed, chosen, expected):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # put back at the end whatever is done to it
        monkeypatch.delenv(name)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with quick_imports():
        assert os.environ.get("GOMP_SPINCOUNT") == expected

import gc

import pytest

from esc50.config.loading import quick_imports


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

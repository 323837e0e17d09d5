import pytest

from tests.audio.pictures import read


@pytest.fixture(scope="module")
def clips(esc10):
    return read(esc10, 20)

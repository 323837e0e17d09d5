"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

TEST_DATA = Path(os.environ.get("ESC50_TEST_DATA", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def esc10() -> Path:
    """The 400 clips of ESC-10 in ESC-50 layout."""
    root = TEST_DATA / "esc10"
    if not (root / "meta" / "esc50.csv").exists():
        pytest.skip(f"no ESC-10 at {root}: set ESC50_TEST_DATA to the folder that holds esc10/")
    return root


@pytest.fixture(scope="session")
def esc50_table() -> Path:
    """The official table of all 2,000 clips, without audio."""
    path = TEST_DATA / "esc50.csv"
    if not path.exists():
        pytest.skip(f"no esc50.csv at {TEST_DATA}: set ESC50_TEST_DATA to the folder that holds it")
    return path

"""How many inputs the fuzz tests tried, at the end of what pytest prints."""

import pytest

from tests.faults.fuzz import OUTCOMES


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """One folder for all inputs of a session; each test has its own names in it."""
    return tmp_path_factory.mktemp("inputs")


def pytest_terminal_summary(terminalreporter):
    """Print a line for each target and the total; xdist's workers keep theirs to themselves."""
    if not OUTCOMES:
        return
    terminalreporter.section("inputs tried")
    for target, outcomes in sorted(OUTCOMES.items()):
        how = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.write_line(f"{target}: {sum(outcomes.values()):,} ({how})")
    total = sum(sum(outcomes.values()) for outcomes in OUTCOMES.values())
    terminalreporter.write_line(f"total: {total:,}")

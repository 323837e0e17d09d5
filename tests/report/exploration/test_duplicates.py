import numpy as np

from esc50.data.split import Split
from esc50.data.tables.table import read_table
from esc50.report.exploration.duplicates import (
    clip_sides,
    find_duplicates,
    shared_sources,
    straddles,
)


def test_duplicates_are_found_once_exactly_or_nearly():
    rng = np.random.default_rng(1)
    logmels = rng.standard_normal((5, 1, 16, 16)).astype(np.float32)
    logmels[1] = logmels[0]
    logmels[4] = 2 * logmels[2] + 1
    found = find_duplicates(["a", "a", "c", "d", "e"], logmels)
    assert found.exact == ((0, 1),) and found.near == ((2, 4),)


def test_sides_of_clips_and_of_copies_in_training():
    split = Split(np.array([0, 5]), np.array([1]), np.array([2, 3]), np.array([0, 1, 2, 3, 4, 3]))
    sides = clip_sides(split, 5)
    assert sides == ["train", "val", "test", "train+test", ""]
    assert straddles([0, 1], sides) and not straddles([2, 4], sides)


def test_sources_under_two_classes_of_esc50(esc50_table):
    table = read_table(esc50_table.parent, check_files=False, table=esc50_table)
    shared = shared_sources(table)
    assert sorted(shared) == ["131943", "134049", "209698", "234879"]
    assert all(len(classes) == 2 for classes in shared.values())

from esc50.report.exploration.duplicates import Duplicates
from esc50.report.exploration.tables import (
    SHOWN,
    clip_cards,
    clips_by_class,
    duplicate_table,
    facts,
    file_kinds,
    levels,
)


def test_what_there_is(explored):
    rows = dict(facts(explored.statistics, "official", 1, None).rows)
    assert rows["clips"] == "39" and rows["classes"] == "4"
    assert rows["durations"] == "0.50 to 0.50 s"


def test_kinds_of_file_are_counted(explored):
    assert file_kinds(explored.statistics).rows == [
        ["WAV", "PCM_16", "16", "8,000", "1", "38"],
        ["WAV", "PCM_16", "16", "8,000", "2", "1"],
    ]


def test_levels_leave_out_what_is_not_there(explored):
    rows = {row[0]: row[1:] for row in levels(explored.statistics).rows}
    assert rows["peak (full scale 1)"][0] == "0.000"
    assert "nan" not in str(rows)


def test_duplicates_on_two_sides_come_first_and_many_are_cut(explored):
    sides = ["train", "train", "test", *[""] * 36]
    table = duplicate_table(explored.table, Duplicates(((0, 1),), ((0, 2),)), sides)
    assert [row[1] for row in table.rows] == ["near", "exact"]
    assert table.rows[0][3:] == ["train, test", "yes"]
    many = duplicate_table(explored.table, Duplicates((), ((0, 2),) * (SHOWN + 5)), sides)
    assert len(many.rows) == SHOWN and many.note == "and 5 more"


def test_cards_lead_to_the_clips_from_the_page(explored, tmp_path):
    cards = clip_cards(explored.statistics, tmp_path)
    assert len(cards) == 39
    assert (tmp_path / cards[5][3]).samefile(explored.table.paths[5])
    groups = clips_by_class(explored.table)
    assert [len(clips) for _, clips in groups] == [10, 10, 10, 9]

import csv

import numpy as np
import pytest
import soundfile

from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table import read_clips, read_table
from esc50.errors import UserError
from esc50.report.exploration.statistics import COLUMNS, measure_clips, write_clips_csv
from esc50.report.exploration.tables import clip_cards


def test_every_clip_is_measured_and_damaged_ones_are_set_aside(odd_clips):
    statistics = measure_clips(read_table(odd_clips), 2)
    assert len(statistics.table) == len(statistics.measures) == 39
    (name, fault), *others = statistics.faults.items()
    assert name == "4-431-A-3.wav" and name in fault and not others
    clip = statistics.table.filenames.index("1-130-A-3.wav")
    samples, _ = soundfile.read(odd_clips / "audio" / "1-130-A-3.wav")
    assert statistics.values("peak")[clip] == pytest.approx(np.abs(samples).max())
    assert statistics.categories is None


def test_esc50s_classes_have_super_categories(esc10):
    table = read_table(esc10)
    statistics = measure_clips(table.select(np.arange(len(table)) % 80 == 0), 2)
    assert statistics.categories[statistics.table.classes.index("dog")] == "animals"


def test_a_set_without_a_clip_that_can_be_read_is_a_sentence(odd_clips):
    table = read_table(odd_clips)
    damaged = np.array([name == "4-431-A-3.wav" for name in table.filenames])
    with pytest.raises(UserError, match="not one clip"):
        measure_clips(table.select(damaged), None)


def test_the_list_holds_the_numbers_of_the_measures(tiny, tmp_path):
    table = read_table(tiny)
    statistics = measure_clips(table.select(np.arange(len(table)) < 3), None)
    write_clips_csv(tmp_path / "clips.csv", statistics, ["train", "val", "test"])
    with (tmp_path / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["side"] for row in rows] == ["train", "val", "test"]
    for row, measures in zip(rows, statistics.measures, strict=True):
        assert row["encoding"] == measures.encoding
        for column, field in COLUMNS.items():
            if column not in ("format", "encoding"):
                assert float(row[column]) == pytest.approx(getattr(measures, field), rel=1e-5)


def test_parts_are_as_long_as_they_are_and_lead_to_themselves(tmp_path):
    sound = np.repeat([0.1, 0.4, 0.2], 8000)
    soundfile.write(tmp_path / "tape.wav", sound, 8000)
    (tmp_path / "t.csv").write_text("file,at,to,label\ntape.wav,1,1.5,x\ntape.wav,2,9,y\n")
    names = {"file": "file", "label": "label", "start": "at"}
    for end, seconds, mark in (
        ({"end": "to"}, [0.5, 1.0], "#t=1,1.5"),
        ({}, [0.25, 0.25], "#t=1,1.25"),
    ):
        table = read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(**names | end))
        statistics = measure_clips(table, 1, seconds=0.25)
        assert statistics.values("duration").tolist() == seconds
        np.testing.assert_allclose(statistics.values("peak"), [0.4, 0.2], atol=1e-4)
        assert clip_cards(statistics, tmp_path / "page")[0][3] == f"../tape.wav{mark}"

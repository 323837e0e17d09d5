import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from esc50.deploy.formats import (
    as_json,
    as_labels,
    clock,
    remark_lines,
    summary_table,
    timeline_table,
    write_csv,
)
from esc50.deploy.prediction import Prediction

REMARKS = ("is silent", "ends early")


@pytest.fixture
def long():
    spans = np.array([[0, 5], [2.5, 7.5], [5, 10]])
    windows = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], np.float32)
    return Prediction("a\x1b[31m.wav", ("dog", "rain"), spans, windows, 0.75, REMARKS)


def test_a_sound_is_a_row_and_a_long_one_a_timeline(long):
    table = summary_table([long], 5, "title", "note")
    assert table.columns == ["sound", "answer", "1.", "2.", "seconds"]
    assert table.rows == [[r"a\x1b[31m.wav", "none of these", "dog 66.7%", "rain 33.3%", "10.0"]]
    assert timeline_table(long).rows == [
        ["0:00.0", "0:06.2", "dog", "85.0%"],
        ["0:06.2", "0:10.0", "none of these", "at best rain 70.0%"],
    ]


def test_json_holds_everything_on_a_line(long):
    text = as_json(long)
    assert "\n" not in text
    read = json.loads(text)
    assert read["sound"] == long.name and read["answer"] == "none of these"
    assert read["probabilities"] == pytest.approx({"dog": 2 / 3, "rain": 1 / 3})
    assert read["windows"][1]["probabilities"] == pytest.approx([0.8, 0.2])
    assert read["remarks"] == list(REMARKS)
    assert [event["label"] for event in read["events"]] == ["dog", "none of these"]
    assert [event["best"] for event in read["events"]] == ["dog", "rain"]


def test_csv_has_a_row_per_window(long):
    file = io.StringIO()
    write_csv([long], long.classes, file)
    header, *rows = csv.reader(io.StringIO(file.getvalue()))
    assert header == ["sound", "start", "end", "answer", "dog", "rain", "remarks"]
    assert [row[1:4] for row in rows] == [
        ["0", "5", "dog"],
        ["2.5", "7.5", "dog"],
        ["5", "10", "none of these"],
    ]
    assert [f"{p:.8g}" for p in long.windows[2].tolist()] == rows[2][4:-1]
    assert [row[-1] for row in rows] == ["is silent; ends early"] * 3


def test_labels_are_audacitys(long):
    assert as_labels(long) == (
        "0.000000\t6.250000\tdog 0.85\n6.250000\t10.000000\tnone of these (at best rain 0.70)\n"
    )


def test_times_are_written_as_a_clock():
    assert [clock(t) for t in (0, 9.96, 75.04, 3600, 36_061.5)] == [
        "0:00.0", "0:10.0", "1:15.0", "1:00:00.0", "10:01:01.5",
    ]  # fmt: skip


def test_what_is_odd_is_said_in_lines_of_which_there_are_not_too_many(long):
    first = [r"a\x1b[31m.wav is silent", r"a\x1b[31m.wav ends early"]
    assert remark_lines([long]) == first
    lines = remark_lines([long] * 8)
    assert lines[:2] == first and lines[10:] == ["and 6 more of such sounds"]


def test_names_that_spreadsheets_would_compute_are_escaped(long):
    file = io.StringIO()
    write_csv([replace(long, name="=cmd().wav", classes=("=dog", "rain"))], ["=dog", "rain"], file)
    cells = [cell for row in csv.reader(io.StringIO(file.getvalue())) for cell in row]
    assert {"'=cmd().wav", "'=dog"} <= set(cells)
    assert not any(cell.startswith("=") for cell in cells)

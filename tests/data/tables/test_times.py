import numpy as np
import pytest
import yaml

from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table_file import read_table_file
from esc50.data.tables.times import TimeColumns, find_times, read_times
from esc50.errors import UserError
from tests.conftest import REPOSITORY

USUAL = yaml.safe_load((REPOSITORY / "conf" / "data" / "csv.yaml").read_text())["columns"]


def times_of(tmp_path, header, *rows: str, **names):
    path = tmp_path / "t.tsv"
    path.write_text("\n".join([header, *rows]) + "\n")
    file = read_table_file(path)
    times = find_times(file, ColumnNames(**USUAL | names))
    return times, None if times is None else read_times(file, times)


def test_a_duration_says_the_same_as_an_end(tmp_path):
    for header, row in (("start;end", "0,1;0,4"), ("Start (s);Duration (s)", "0,1;0,3")):
        starts, ends = times_of(tmp_path, header, row)[1]
        assert starts.tolist() == [0.1] and ends.tolist() == [0.4]  # 0.1 + 0.3 is more than 0.4


@pytest.mark.parametrize(
    ("names", "end", "duration"),
    [
        ({}, "end", None),
        ({"duration": "duration"}, None, "duration"),
        ({"end": "end"}, "end", None),
        ({"end": None}, None, None),
        ({"end": None, "duration": "duration"}, None, "duration"),
        ({"duration": None}, "end", None),
    ],
)
def test_an_end_counts_before_a_duration_unless_that_is_named(tmp_path, names, end, duration):
    times, _ = times_of(tmp_path, "start\tend\tduration", "1\t2\t1", **names)
    assert times == TimeColumns("start", end, duration)


def test_columns_that_contradict_or_say_too_little_are_refused(tmp_path):
    row = "start\tend\tduration", "1\t2\t1"
    with pytest.raises(UserError, match=r"end=end and data\.columns\.duration=duration both say"):
        times_of(tmp_path, *row, end="end", duration="duration")
    with pytest.raises(UserError, match=r"data\.columns\.duration=duration alone .*start=NAME"):
        times_of(tmp_path, *row, start=None, duration="duration")
    with pytest.raises(UserError, match="has no column 'length'"):
        times_of(tmp_path, *row, duration="length")
    assert times_of(tmp_path, "file\tduration", "a.wav\t1") == (None, None)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("12", 12),
        ("12.418", 12.418),
        ("12,418", 12.418),
        (".5", 0.5),
        ("1e-1", 0.1),
        ("-0", 0),
        ("0:10", 10),
        ("90:00", 5400),
        ("00:00:12.418", 12.418),
        ("1:02:03,5", 3723.5),
        ("0 days 00:00:12.418000", 12.418),  # of pandas
        ("0.0000004", 0),
    ],
)
def test_times_are_seconds_or_those_of_a_clock(tmp_path, cell, seconds):
    starts, ends = times_of(tmp_path, "start\tx", f"{cell}\t")[1]
    assert starts.tolist() == [seconds] and ends is None and not np.signbit(starts[0])


@pytest.mark.parametrize(
    "cell",
    ["", "x", "-1", "nan", "inf", "1e9", "1_0", "1:75:00", "0:60", "1:2:3:4", "12 s", "1.2.3"],
)
def test_what_is_no_time_is_refused_by_line(tmp_path, cell):
    said = r"t.tsv line 3: start '.*' is not a number of seconds from 0, nor h:mm:ss: mend it, or"
    with pytest.raises(UserError, match=said):
        times_of(tmp_path, "start\tx", "1\ty", f"{cell}\ty")
    with pytest.raises(UserError, match=r"line 3: duration '.*' is not .*columns\.duration=null"):
        times_of(tmp_path, "start\tduration\tx", "1\t1\ty", f"1\t{cell}\ty")


@pytest.mark.parametrize("length", ["0", "-0", "0.0000001", "0:00"])
def test_a_length_of_nothing_is_refused_by_line(tmp_path, length):
    words = rf"line 3: duration '{length}' is no length of a part: mend it, or take the row out"
    with pytest.raises(UserError, match=words):
        times_of(tmp_path, "start\tduration", "1\t1", f"1\t{length}")
    assert times_of(tmp_path, "start\tduration", "1\t1", f"1\t{length}", end=None)[1][1] is None


def test_a_comma_that_may_part_thousands_is_refused_beside_points(tmp_path):
    with pytest.raises(UserError, match=r"line 2: start '1,234' may be 1\.234 or 1234, as the col"):
        times_of(tmp_path, "start\tx", "1,234\t", "12.5\t")
    with pytest.raises(UserError, match=r"line 3: start '1\.234' may be 1\.234 or 1234"):
        times_of(tmp_path, "start\tx", "12,5\t", "1.234\t")
    for cells in (("1,234", "12,5"), ("0,500", "12.5"), ("1,2345", "12.5")):
        times_of(tmp_path, "start\tx", *(f"{cell}\t" for cell in cells))


@pytest.mark.parametrize("name", ["start_ms", "Begin Time - msec", "onset (ms)", "startMs"])
def test_a_column_that_is_called_so_counts_milliseconds(tmp_path, name):
    assert times_of(tmp_path, f"{name}\tx", "1500\t", start=name)[1][0].tolist() == [1.5]


@pytest.mark.parametrize("name", ["Begin Time - ss.msec", "Begin Time - hh:mm:ss.ms", "items"])
def test_others_count_seconds(tmp_path, name):
    assert times_of(tmp_path, f"{name}\tx", "1.5\t", start=name)[1][0].tolist() == [1.5]


@pytest.mark.parametrize("rest", ["End Time (s)\t72.5", "Duration (s)\t2.5", "x\t"])
def test_raven_counts_from_the_first_file_of_a_sequence_on(tmp_path, rest):
    column, cell = rest.split("\t")
    header = f"Begin Time (s)\t{column}\tFile Offset (s)"
    starts, ends = times_of(tmp_path, header, f"70\t{cell}\t10.0001")[1]
    assert starts.tolist() == [10.0001]
    assert ends is None if column == "x" else ends.tolist() == [12.5001]

import math

import numpy as np
import pytest
import yaml

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.parts import part_mark, share_sound
from esc50.data.tables.table import read_clips
from esc50.errors import UserError
from tests.conftest import REPOSITORY

USUAL = yaml.safe_load((REPOSITORY / "conf" / "data" / "csv.yaml").read_text())["columns"]
RAVEN = "Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin File\tSpecies"


def read(tmp_path, *lines: str, **names):
    notice.cache_clear()
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_clips(path, tmp_path, ColumnNames(**USUAL | names), check_files=False)


def test_a_mark_is_a_media_fragment():
    assert part_mark(10) == "#t=10" and part_mark(0.0) == "#t=0"
    assert part_mark(10, 12.5) == "#t=10,12.5" and part_mark(0, 1e-6) == "#t=0,0.000001"


def test_clips_share_sound_where_their_parts_of_one_file_overlap():
    seen = ["a#t=1,9", "a#t=2,3", "a#t=20,21", "b", "c#t=5"]
    shared = ["a#t=2,3", "a#t=0.999,1.001", "a#t=8,12", "a#t=0,30", "a", "a#t=20.5", "b#t=7,8"]
    others = ["a#t=0,1", "a#t=9,20", "a#t=21,22", "a#t=40", "c#t=0,5", "d", "d#t=1,2"]
    windows = ["b#t=1", "c#t=6", "c"]
    assert share_sound([*shared, "b", "c#t=6,7"], seen).all()
    assert not share_sound(others + windows, seen).any() and not share_sound(shared, []).any()


def test_parts_of_one_recording_are_clips_of_one_source(tmp_path):
    lines = ["tape.wav,10,12.5,dog", 'b/tape.wav,0,"2,25",cat', "tape.wav,11.0000004,13,cat"]
    table = read(tmp_path, "file,start,end,label", *lines)
    assert table.filenames == ("tape.wav#t=10,12.5", "b/tape.wav#t=0,2.25", "tape.wav#t=11,13")
    assert table.files == ["tape.wav", "b/tape.wav", "tape.wav"]
    assert [table.span(row) for row in range(3)] == [(10, 12.5), (0, 2.25), (11, 13)]
    assert table.sources.tolist() == ["tape", "b/tape", "tape"]
    assert table.targets.tolist() == [1, 0, 0]
    assert table.identify(list("aba")) == ["a#t=10,12.5", "b#t=0,2.25", "a#t=11,13"]
    few = table.select(np.array([False, True, True]))
    assert few.ends.tolist() == [2.25, 13] and few.files == ["b/tape.wav", "tape.wav"]
    own = read(tmp_path, "file,start,end,label,source", *(f"{line},s" for line in lines))
    assert set(own.sources.tolist()) == {"s"}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (RAVEN, "1\tSpectrogram 1\t10\t12.5\ttape.wav\tdog"),
        ("filename\tonset\toffset\tevent_label", "tape.wav\t10\t12.5\tdog"),
        ("segment_id\tstart_time_seconds\tend_time_seconds\tlabel", "tape.wav\t10\t12.5\tdog"),
        ("Start (s);End (s);Path;Class", "10;12,5;tape.wav;dog"),
        ("begin,STOP,Offset,file,label", "10,12.5,99,tape.wav,dog"),
    ],
)
def test_usual_tables_are_read(tmp_path, header, row):
    own = {"label": "Species"} if "Species" in header else {}
    own |= {"file": "segment_id"} if "segment_id" in header else {}
    table = read(tmp_path, header, row, row.replace("10", "0.5").replace("dog", "cat"), **own)
    assert table.filenames == ("tape.wav#t=10,12.5", "tape.wav#t=0.5,12.5")


def test_an_offset_alone_is_no_end_and_a_part_without_one_is_as_long_as_a_clip(tmp_path, capsys):
    table = read(tmp_path, "file,start,offset,label", "a.wav,1,9,x", "a.wav,2,9,y")
    assert table.filenames == ("a.wav#t=1", "a.wav#t=2") and table.ends is None
    assert table.span(1) == (2, math.inf) and table.identify(["a", "a"]) == ["a#t=1", "a#t=2"]
    said = capsys.readouterr().err
    assert (
        "('start') and not where they end (data.columns.end=NAME, or duration): each is as long as"
        in said
    )
    read(tmp_path, "file,start,end,label", "a.wav,1,9,x", "a.wav,2,9,y", end=None)
    assert capsys.readouterr().err == ""  # as it was asked for
    table = read(tmp_path, "file,start,offset,label", "a.wav,1,9,x", end="offset")
    assert table.filenames == ("a.wav#t=1,9",)
    alone = read(tmp_path, "file,offset,end,label", "a.wav,0,9,x")
    assert alone.filenames == ("a.wav",) and alone.span(0) == (0, math.inf)


def test_where_each_file_is_listed_once_usual_names_may_say_what_it_was_cut_from(tmp_path, capsys):
    rows = ("file,start,end,label", "a.wav,70,74,x", "b.wav,0,4,y")
    table = read(tmp_path, *rows)
    assert table.filenames == ("a.wav", "b.wav") and table.offsets is None
    assert "lists each file once, so 'start' is not taken for" in capsys.readouterr().err
    assert read(tmp_path, *rows, start=None).offsets is None
    assert capsys.readouterr().err == ""
    for names in ({"start": "start"}, {"end": "end"}):
        assert read(tmp_path, *rows, **names).filenames == ("a.wav#t=70,74", "b.wav#t=0,4")
    assert capsys.readouterr().err == ""
    assert len(read(tmp_path, *rows, "b.wav,4,8,y")) == 3  # one file listed twice makes all parts
    assert "2 files in 3 rows: each is the part of its file from 'start'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("-1,2", "line 2: start '-1' is not a number of seconds"),
        ("1,", "line 2: end '' is not a number of seconds"),
        ("2,1.5", "line 2: end '1.5' is not after start '2'"),
        ("2,2.0000001", "end '2.0000001' is not after start '2'"),
        ("7,8", "lists a.wav#t=7,8 twice: lines 2 and 3; leave one of them .a clip has one class"),
    ],
)
def test_what_is_no_part_is_refused(tmp_path, cells, words):
    with pytest.raises(UserError, match=words):
        read(tmp_path, "file,start,end,label", f"a.wav,{cells},x", "a.wav,7,8,y")


def test_columns_that_say_too_little_are_refused(tmp_path):
    rows = ("file,until,label", "a.wav,1,x", "b.wav,2,y")
    with pytest.raises(UserError, match=r"data\.columns\.end=until alone .*\.start=NAME"):
        read(tmp_path, *rows, end="until")
    with pytest.raises(UserError, match="has no column 'from'"):
        read(tmp_path, *rows, start="from")
    with pytest.raises(UserError, match=r"twice: .* data\.columns\.start and end of its parts"):
        read(tmp_path, *rows, "a.wav,3,x")


def test_a_missing_recording_is_counted_once(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("file,start,end,label\na.wav,1,2,x\na.wav,2,3,y\n")
    with pytest.raises(UserError, match=r"1 of 1 files in .* are not in .*: a\.wav$"):
        read_clips(path, tmp_path, ColumnNames(**USUAL))

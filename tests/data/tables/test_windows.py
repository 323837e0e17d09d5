from dataclasses import replace

import numpy as np
import pytest
import soundfile

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.parts import part_mark
from esc50.data.tables.table import read_clips
from esc50.data.tables.windows import cut_windows
from esc50.errors import UserError


@pytest.fixture
def table(tmp_path):
    for name, seconds in (("long.wav", 7.0), ("short.wav", 0.5), ("odd.flac", 3.2)):
        soundfile.write(tmp_path / name, np.zeros(int(8000 * seconds)), 8000)
    (tmp_path / "t.csv").write_text("file,label\nlong.wav,x\nshort.wav,y\nodd.flac,y\n")
    return read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(file="file", label="label"))


def test_a_long_recording_becomes_windows_of_one_source(table, tmp_path, capsys):
    notice.cache_clear()
    cut = cut_windows(table, 2, 2, tmp_path / "cache")
    assert cut.filenames == (
        *(f"long.wav#t={start}" for start in (0, 2, 4, 6)),
        "short.wav",
        "odd.flac#t=0",
        "odd.flac#t=2",
    )
    assert cut.offsets.tolist() == [0, 2, 4, 6, 0, 0, 2]
    assert cut.paths == [table.paths[row] for row in (0, 0, 0, 0, 1, 2, 2)]
    assert cut.sources.tolist() == ["long"] * 4 + ["short"] + ["odd"] * 2
    assert cut.targets.tolist() == [0] * 4 + [1] * 3
    assert cut.identify(list("aaaabcc")) == ["a", "a#t=2", "a#t=4", "a#t=6", "b", "c", "c#t=2"]
    assert "2 recordings are longer than 2 s: cut every 2 s into 6 clips" in capsys.readouterr().err
    assert cut.select(cut.targets == 1).offsets.tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("seconds", "step", "starts"), [(2, 1, 6), (5, 5, 1), (4, 4, 2), (7, 1, 1), (2, 3, 3)]
)
def test_windows_overlap_or_leave_out_as_they_are_told(table, tmp_path, seconds, step, starts):
    cut = cut_windows(table, seconds, step, tmp_path / "cache")
    assert sum(name.startswith("long") for name in cut.filenames) == starts


def test_windows_far_into_a_file_keep_names_of_their_own(table):
    starts = np.array([99999.95, 100000.0, 100000.05, 0.0, 0.0])
    names = ("r.wav#t=99999.95", "r.wav#t=100000", "r.wav#t=100000.05", "r.wav#t=0", "a#t=7.wav")
    far = replace(table.select(np.zeros(3, bool)), filenames=names, offsets=starts)
    assert far.files == ["r.wav"] * 4 + ["a#t=7.wav"]
    ends = [part_mark(start) for start in starts]
    assert [name.removeprefix("r.wav") for name in names[:4]] == ends[:4]
    assert len(set(far.identify(["d"] * 5))) == 4  # the last two begin at the file's first second


def parts(tmp_path, *rows: str):
    soundfile.write(tmp_path / "tape.wav", np.zeros(80_000), 8000)
    (tmp_path / "p.csv").write_text("\n".join(["file,start,end,label,source", *rows]))
    names = ColumnNames(file="file", label="label", source="source", start="start", end="end")
    return read_clips(tmp_path / "p.csv", tmp_path, names)


def test_a_long_part_becomes_windows_that_do_not_go_beyond_its_end(tmp_path, capsys):
    notice.cache_clear()
    rows = ["1,4.5,x,s", "0.5,2,y,t", "5,8.25,x,u", "9,13,y,v"]
    table = parts(tmp_path, *(f"tape.wav,{row}" for row in rows))
    cut = cut_windows(table, 2, 1.5, tmp_path / "cache")
    spans = ["1,3", "2.5,4.5", "0.5,2", "5,7", "6.5,8.25", "9,11"]
    assert cut.filenames == tuple(f"tape.wav#t={span}" for span in spans)
    assert cut.files == ["tape.wav"] * 6  # the last part goes on behind the file's end, at 10
    assert cut.sources.tolist() == [*"sstuuv"] and cut.lines.tolist() == [2, 2, 3, 4, 4, 5]
    assert [cut.span(row) for row in (1, 4)] == [(2.5, 4.5), (6.5, 8.25)]
    said = capsys.readouterr().err
    assert "2 parts of recordings are longer than 2 s: cut every 1.5 s into 4 clips" in said
    assert "1 of 4 clips are parts that go on behind the end of their file: 'tape.wav#t=9" in said


def test_a_window_of_two_parts_counts_once_and_has_one_class(tmp_path, capsys):
    notice.cache_clear()
    table = parts(tmp_path, "tape.wav,0,4,x,s", "tape.wav,2,6,x,s", "tape.wav,2,3,y,s")
    cut = cut_windows(table, 2, 2, tmp_path / "cache")
    assert [cut.span(row) for row in range(4)] == [(0, 2), (2, 4), (4, 6), (2, 3)]
    assert "1 window is in two parts of one class, and counts once" in capsys.readouterr().err
    table = parts(tmp_path, "tape.wav,0,4,x,s", "tape.wav,2,6,y,s")
    words = r"p\.csv lines 2, 3: tape\.wav#t=2,4, a window of both, has two classes, 'x' and 'y'"
    with pytest.raises(UserError, match=words):
        cut_windows(table, 2, 2, tmp_path / "cache")

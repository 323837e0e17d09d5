import pytest
import yaml

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table import read_clips
from esc50.errors import UserError
from tests.conftest import REPOSITORY

USUAL = yaml.safe_load((REPOSITORY / "conf" / "data" / "csv.yaml").read_text())["columns"]
RAVEN = "Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin File\tSpecies\tAvg Power"
DCASE = "filename\tonset\toffset\tevent_label"


def read(tmp_path, *lines: str, **names):
    notice.cache_clear()
    path = tmp_path / "t.tsv"
    path.write_text("\n".join(lines) + "\n")
    return read_clips(path, tmp_path, ColumnNames(**USUAL | names), check_files=False)


def selection(number, view, begin="1", label="dog", power=""):
    return f"{number}\t{view}\t{begin}\t3\ttape.wav\t{label}\t{power}"


def test_a_selection_that_is_listed_for_two_views_counts_once(tmp_path, capsys):
    views = [(1, "Waveform 1", "1"), (1, "Spectrogram 1", "1", "dog", "70"),
             (2, "Spectrogram 1", "2", "cat", "60"), (3, "Spectrogram 1", "2.5")]  # fmt: skip
    table = read(tmp_path, RAVEN, *(selection(*row) for row in views))
    assert table.filenames == ("tape.wav#t=1,3", "tape.wav#t=2,3", "tape.wav#t=2.5,3")
    assert table.lines.tolist() == [2, 4, 5]
    said = capsys.readouterr().err
    assert "1 of 4 rows list a selection once more, in another View ('Spectrogram 1')" in said
    read(tmp_path, RAVEN, *(selection(*row) for row in views[1:]))
    assert "once more" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "other", [(1, "Waveform 1"), (2, "Spectrogram 1"), (1, "Spectrogram 1", "1", "cat")]
)
def test_rows_that_differ_in_more_or_less_than_the_view_do_not(tmp_path, other):
    with pytest.raises(UserError, match="twice: lines 2 and 3"):
        read(tmp_path, RAVEN, selection(1, "Waveform 1"), selection(*other))


@pytest.mark.parametrize("empty", ["\t\t", "nan\tNaN\tnone", "-\t-\tn/a"])
def test_files_without_an_event_make_no_clip_and_are_counted(tmp_path, capsys, empty):
    rows = ["a.wav\t1\t2\tx", f"b.wav\t{empty}", "a.wav\t2\t3\ty", f"c.wav\t{empty}"]
    table = read(tmp_path, DCASE, *rows)
    assert table.filenames == ("a.wav#t=1,2", "a.wav#t=2,3") and table.classes == ("x", "y")
    assert table.lines.tolist() == [2, 4]
    said = capsys.readouterr().err
    assert "2 of 4 rows are empty in 'onset', 'offset', 'event_label': files without" in said
    assert "lists 1 file in 2 rows" in said


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b.wav\t\t\tx", "line 3: onset '' is not a number"),
        ("b.wav\t1\t2\t", "line 3: the category '' is no name"),
        ("b.wav\t1\t\tx", "line 3: offset '' is not a number"),
    ],
)
def test_rows_that_are_empty_in_part_are_mistakes(tmp_path, row, words):
    with pytest.raises(UserError, match=words):
        read(tmp_path, DCASE, "a.wav\t1\t2\tx", row, "a.wav\t3\t4\ty")


def test_a_table_without_any_event_is_refused(tmp_path):
    with pytest.raises(
        UserError, match="lists no event: 'onset', 'offset', 'event_label' are empty"
    ):
        read(tmp_path, DCASE, "a.wav\t\t\t", "b.wav\t\t\t")

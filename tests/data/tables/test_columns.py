import numpy as np
import pytest

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table import read_clips
from esc50.errors import UserError

EXACT = {"file": "file", "label": "label", "fold": "fold"}
NAMES = ColumnNames(file="file", label="label", fold=["fold"], source=["source"], split=["split"])


def read(tmp_path, *lines: str, names=NAMES, **options):
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_clips(path, tmp_path / "audio", names, check_files=False, **options)


def test_file_and_label_suffice(tmp_path):
    table = read(tmp_path, "file,label", "x/b.wav,rain", "a.wav,dog", r"x\c.wav,dog")
    assert table.classes == ("dog", "rain") and table.targets.tolist() == [1, 0, 0]
    assert table.filenames == ("x/b.wav", "a.wav", "x/c.wav")
    assert table.folds.tolist() == [-1, -1, -1] and table.sides is None
    assert table.sources.tolist() == ["x/b", "a", "x/c"]


def test_folds_are_any_whole_numbers(tmp_path):
    table = read(tmp_path, "file,label,fold", "a.wav,x,0", "b.wav,y,10.0", 'c.wav,y,"7,0"')
    assert table.folds.tolist() == [0, 10, 7] and table.fold_numbers == [0, 7, 10]


def test_usual_names_are_found_however_they_are_written(tmp_path):
    usual = ColumnNames(file=["file", "file_name"], label=["label"], fold=["fold"], source=["fsID"])
    rows = ("a.wav,x,1,s,0", "b.wav,y,2,s,1")
    table = read(tmp_path, "File Name,LABEL,Fold,FSID,folds", *rows, names=usual)
    assert table.folds.tolist() == [1, 2] and table.sources.tolist() == ["s", "s"]
    table = read(tmp_path, "File Name,label,fold,FILE,file", *rows, names=usual)
    assert table.filenames == ("0", "1")  # as it is written comes first
    with pytest.raises(UserError, match="has no column 'fold'"):
        read(tmp_path, "file,label,Fold", "a.wav,x,1", names=ColumnNames(**EXACT))


def test_folds_may_be_one_word_with_numbers(tmp_path):
    rows = [f"{at}.wav,x,{cell}" for at, cell in enumerate(("fold10", "fold_2", "Fold 0"))]
    assert read(tmp_path, "file,label,fold", *rows).folds.tolist() == [10, 2, 0]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("AB", "fold 'A' is not .* from 0: number the folds, or .* data.columns.fold=null"),
        (["-1", "-1"], "fold '-1' is not a whole number from 0"),
        (["fold1", "split1"], "fold 'fold1' is not a whole number from 0"),
        (["train", "test"], "takes data.columns.split=fold data.columns.fold=null split=given"),
    ],
)
def test_other_folds_are_refused_with_what_to_do(tmp_path, cells, words):
    with pytest.raises(UserError, match=words):
        read(tmp_path, "file,label,fold", f"a.wav,x,{cells[0]}", f"b.wav,y,{cells[1]}")


def test_classes_that_are_numbers_are_their_own_targets_in_the_order_of_numbers(tmp_path):
    table = read(tmp_path, "file,label", "a.wav,10", "b.wav,2", "c.wav,0")
    assert table.classes == ("0", "2", "10") and table.class_labels.tolist() == [0, 2, 10]
    assert table.labels.tolist() == [10, 2, 0] and table.targets.tolist() == [2, 1, 0]
    table = read(tmp_path, "file,label", "a.wav,10", "b.wav,2", "c.wav,02")
    assert table.classes == ("02", "10", "2") and table.labels.tolist() == [1, 2, 0]


def test_a_class_may_hold_joiners_and_blanks_of_any_width(tmp_path):
    joined, wide, soft = "\u0646\u200c\u0646", "a\u3000b", "U\u00ad-Bahn"
    rows = [f"at 10.00\u202fAM-{name}.wav,{name}" for name in (joined, wide, soft)]
    table = read(tmp_path, "file,label", *rows)
    assert set(table.classes) == {joined, wide, soft}
    assert all("10.00\u202fAM" in name for name in table.filenames)


def test_a_label_for_none_is_told(tmp_path, capsys):
    notice.cache_clear()
    read(tmp_path, "file,label", "a.wav,x", "b.wav,NaN", "c.wav,none")
    assert "1 of 3 clips have the class 'NaN': if that stands for none" in capsys.readouterr().err


def test_sources_that_are_hardly_recordings_are_told(tmp_path, capsys):
    notice.cache_clear()
    lines = [f"{at}.wav,{'xy'[at % 2]},{'freesound' if at else 'own'}" for at in range(11)]
    read(tmp_path, "file,label,Source", *lines)
    said = capsys.readouterr().err
    assert "11 clips are of 2 sources ('freesound', 'own')" in said
    assert "if 'Source' is of something else, data.columns.source=null" in said
    notice.cache_clear()
    read(tmp_path, "file,label,Source", *lines[:10])
    assert "sources" not in capsys.readouterr().err


def test_a_pattern_makes_file_names_of_columns(tmp_path):
    names = ColumnNames(file="fold{fold}/{name}.wav", label="label", fold="fold")
    table = read(tmp_path, "name,label,fold", "a,x,10", "b,y,2", names=names)
    assert table.filenames == ("fold10/a.wav", "fold2/b.wav")


def test_sides_are_read_under_their_usual_names(tmp_path):
    lines = ["a.wav,x,train", "b.wav,y,Validation", "c.wav,y,TEST"]
    assert read(tmp_path, "file,label,split", *lines).sides.tolist() == ["train", "val", "test"]
    with pytest.raises(UserError, match="line 2: split 'dev' is none of train, val, test"):
        read(tmp_path, "file,label,split", "a.wav,x,dev")


def test_a_placeholder_is_no_source(tmp_path, capsys):
    notice.cache_clear()
    lines = ["a.wav,x,nan", "b.wav,y,N/A", "c.wav,y,", "d.wav,y,s1", "1-77-B-0.wav,x,NaN"]
    table = read(tmp_path, "file,label,source", *lines)
    assert table.sources.tolist() == ["a", "b", "c", "s1", "77"]
    assert table.takes.tolist()[-1] == "B"
    assert "4 of 5 clips have no source ('nan', 'N/A', '', ...)" in capsys.readouterr().err


def test_one_unicode_form_is_one_class(tmp_path):
    table = read(tmp_path, "file,label", "a.wav,Tu\u0308r", "b.wav,T\u00fcr", "c.wav,x")
    assert table.classes == ("T\u00fcr", "x") and table.targets.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["file;label", "a.wav;x"], "'file;label'|has no column"),
        (["name,label", "a.wav,x"], "has no column 'file': it was read as text separated by comm"),
        (["file,label", "a.wav,prediction"], "line 2: the category 'prediction' is the name of a"),
        (["file,label", "a.wav,"], "line 2: the category '' is no name"),
        (["file,label,fold", "a.wav,x,\x1f1"], "fold '.x1f1' is not a whole number"),
        (["file,label,fold", "a.wav,x,1", "b.wav,x,one"], "line 3: fold 'one' is not a whole"),
        (["file,label", "/etc/passwd,x"], "leads out of its folder .data=csv data.outside=true"),
        (["file,label", r"C:\dogs\a.wav,x"], "is a path of Windows"),
        (["file,label", "a.wav,x", "b.wav,y", "a.wav,x"], "lists a.wav twice: lines 2 and 4"),
    ],
)
def test_bad_tables_are_refused(tmp_path, lines, words):
    if ";" in lines[0]:  # read all the same
        assert read(tmp_path, *lines).filenames == ("a.wav",)
        return
    with pytest.raises(UserError, match=words):
        read(tmp_path, *lines)


def test_paths_outside_are_read_where_they_are_allowed(tmp_path):
    table = read(tmp_path, "file,label", f"{tmp_path}/a.wav,x", "../b.wav,y", outside=True)
    assert table.paths == [tmp_path / "a.wav", tmp_path / "audio" / ".." / "b.wav"]
    assert np.array_equal(table.targets, [0, 1])


def test_a_pattern_of_a_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no column 'nam': it was read as"):
        read(tmp_path, "name,label", "a,x", names=ColumnNames(file="{nam}.wav", label="label"))
    with pytest.raises(UserError, match=r"has no column 'a\{'"):
        read(tmp_path, "name,label", "a,x", names=ColumnNames(file="a{", label="label"))

from dataclasses import replace

import numpy as np
import pytest

from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.folds import give_folds, make_folds, one_fold, warn_of_classes
from esc50.data.tables.table import read_clips
from esc50.errors import UserError


def make_table(root, counts: dict[str, int], takes: int = 1, sides: bool = False):
    rows = [
        f"{name}{k}_{take}.wav,{name},{name}{k},{'train test'.split()[k % 2]}"
        for name, count in counts.items()
        for k in range(count)
        for take in range(takes)
    ]
    (root / "clips.csv").write_text("\n".join(["file,label,source,split", *rows]))
    side = ["split"] if sides else None
    names = ColumnNames(file="file", label="label", source="source", split=side)
    return read_clips(root / "clips.csv", root, names, check_files=False)


@pytest.fixture(autouse=True)
def _unsaid():
    notice.cache_clear()


@pytest.mark.parametrize("n_folds", [2, 3, 10])
def test_sources_stay_whole_and_classes_are_spread(tmp_path, n_folds):
    table = make_table(tmp_path, {"dog": 20, "cat": 40}, takes=3)
    folds = make_folds(table, n_folds, seed=0)
    assert sorted(set(folds)) == list(range(1, n_folds + 1))
    for source in set(table.sources):
        assert len(set(folds[table.sources == source])) == 1
    for target, total in ((0, 120), (1, 60)):
        counts = np.bincount(folds[table.targets == target], minlength=n_folds + 1)[1:]
        assert np.abs(counts - total / n_folds).max() <= 3
    assert np.array_equal(folds, make_folds(table, n_folds, seed=0))
    assert not np.array_equal(folds, make_folds(table, n_folds, seed=1))


def test_folds_stay_once_they_are_made(tmp_path, capsys, monkeypatch):
    table = make_table(tmp_path, {"dog": 10, "cat": 10})
    first = give_folds(table, 5, 0, tmp_path / "cache").folds
    assert "has no folds: 5 were made of 20 recordings" in capsys.readouterr().err
    (kept,) = (tmp_path / "cache" / "folds").iterdir()
    assert kept.read_text().startswith("filename,fold\n")
    monkeypatch.setattr("esc50.data.tables.folds.make_folds", lambda *_: pytest.fail("drawn again"))
    assert np.array_equal(give_folds(table, 5, 0, tmp_path / "cache").folds, first)
    with np.printoptions(legacy="1.25"):  # as NumPy 1 writes a number
        assert np.array_equal(give_folds(table, 5, 0, tmp_path / "cache").folds, first)
    own = replace(table, folds=np.arange(20))
    assert give_folds(own, 5, 0, tmp_path / "cache") is own


def test_a_class_with_fewer_clips_than_folds_is_named_and_trained_on(tmp_path, capsys):
    table = make_table(tmp_path, {"dog": 30, "rare": 2})
    table = replace(table, folds=make_folds(table, 5, 0))
    assert set(table.folds[table.targets == 1]) < {1, 2, 3, 4, 5}
    warn_of_classes(table)
    said = capsys.readouterr().err
    absent = sorted({1, 2, 3, 4, 5} - set(table.folds[table.targets == 1]))
    assert f"have no clip in some folds: 'rare' (fold {', '.join(map(str, absent))})" in said
    assert "classes are uneven, from 2 clips ('rare') to 30 ('dog'): data.sampler=balanced" in said


def test_where_all_classes_are_small_folds_are_of_sources_alone(tmp_path):
    table = make_table(tmp_path, dict.fromkeys("abc", 2))
    assert sorted(np.bincount(make_folds(table, 3, 0))[1:]) == [2, 2, 2]


def test_too_few_recordings_are_refused(tmp_path):
    table = make_table(tmp_path, {"a": 1, "b": 2}, takes=9)
    with pytest.raises(UserError, match=r"holds 3 recordings, too few for 5 .* data.folds to 3"):
        make_folds(table, 5, 0)
    with pytest.raises(UserError, match="holds 1 recording, too few for 5 folds: give each file a"):
        make_folds(make_table(tmp_path, {"a": 1}, takes=9), 5, 0)
    parts = replace(table, offsets=np.arange(len(table)))  # whose files are sources as it is
    with pytest.raises(UserError, match=r"3, or name a column that .* .data.columns.source=NAME"):
        make_folds(parts, 5, 0)


def test_where_nobody_asks_for_folds_there_is_one(tmp_path):
    table = make_table(tmp_path, {"a": 1, "b": 2})
    assert one_fold(table).folds.tolist() == [1, 1, 1]
    own = replace(table, folds=np.array([2, 3, 2]))
    assert one_fold(own).folds.tolist() == [2, 3, 2]


def test_a_long_name_is_no_name_of_a_file_that_is_too_long(tmp_path):
    table = replace(make_table(tmp_path, {"a": 9, "b": 9}), root=tmp_path / ("x" * 250))
    assert give_folds(table, 3, 0, tmp_path / "cache").fold_numbers == [1, 2, 3]


def test_sides_without_a_class_and_names_that_differ_in_case(tmp_path, capsys):
    warn_of_classes(make_table(tmp_path, {"dog": 3, "Dog": 1, "cat": 3}, sides=True))
    said = capsys.readouterr().err
    assert "1 of 3 classes of" in said and "in some sides: 'Dog' (side test)" in said
    assert "the classes 'Dog' and 'dog' differ in upper and lower case alone" in said
    warn_of_classes(make_table(tmp_path, {"big dog": 3, "big\xa0dog": 3}))
    assert "'big\\xa0dog' differ in blanks or forms of letters alone" in capsys.readouterr().err


def test_one_class_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds one class, 'dog': a classifier needs two"):
        warn_of_classes(make_table(tmp_path, {"dog": 5}))


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "cache").touch()
    table = make_table(tmp_path, {"dog": 5, "cat": 5})
    with pytest.raises(UserError, match=r"cannot be written .*: set data.cache_dir"):
        give_folds(table, 5, 0, tmp_path / "cache")


def test_kept_folds_hold_no_formula_and_are_read_back(tmp_path):
    names = [f"=cmd{number}.wav" for number in range(6)]
    rows = "".join(f"{name},{'ab'[at % 2]}\n" for at, name in enumerate(names))
    (tmp_path / "t.csv").write_text("filename,category\n" + rows)
    columns = ColumnNames(file="filename", label="category")
    table = read_clips(tmp_path / "t.csv", tmp_path, columns, check_files=False)
    folds = give_folds(table, 2, 1, tmp_path / "cache").folds
    (path,) = (tmp_path / "cache" / "folds").iterdir()
    text = path.read_text()
    assert "\n=" not in text and "\n./=cmd0.wav," in text
    path.write_text(text.replace(",1", ",7"))  # so it is the file that is read
    assert give_folds(table, 2, 1, tmp_path / "cache").folds.tolist() == [
        7 if fold == 1 else fold for fold in folds
    ]
    path.write_text(text.replace(",1", "," + "9" * 20))
    assert give_folds(table, 2, 1, tmp_path / "cache").folds.tolist() == folds.tolist()

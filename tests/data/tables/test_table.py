import csv
import time
from pathlib import Path

import numpy as np
import pytest

from esc50.data.tables.table import ESC50_CLASSES, read_table
from esc50.errors import UserError

HEADER = "filename,fold,target,category"
ROWS = ["a.wav,1,0,dog", "b.wav,2,10,rain", "c.wav,3,0,dog"]


def write(root: Path, lines: list[str], clips: bool = True) -> Path:
    (root / "meta").mkdir(exist_ok=True)
    (root / "audio").mkdir(exist_ok=True)
    (root / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines[1:] if clips else ():
        (root / "audio" / line.split(",")[0]).touch()
    return root


def refuses(root: Path, words: str, **options) -> None:
    with pytest.raises(UserError, match=words):
        read_table(root, **options)


def test_the_real_esc10(esc10):
    table = read_table(esc10)
    assert len(table) == 400 and len(table.classes) == 10 and not table.synthetic
    assert table.class_labels.tolist() == [0, 1, 10, 11, 12, 20, 21, 38, 40, 41]
    assert np.bincount(table.targets).tolist() == [40] * 10
    assert np.bincount(table.folds).tolist() == [0, 80, 80, 80, 80, 80]
    assert table.categories5.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 4, 4]
    assert all(path.is_file() for path in table.paths)


def test_the_official_table_of_2000(esc50_table, tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_bytes(esc50_table.read_bytes())
    table = read_table(tmp_path, check_files=False)
    assert len(table) == 2000 and table.classes == ESC50_CLASSES
    assert len(set(table.sources)) == 1524
    assert table.categories5.tolist() == [k // 10 for k in range(50)]
    refuses(tmp_path, "2000 of 2000 files .*: 1-100032-A-0.wav, .*, 1-101296-A-19.wav, ...$")


def test_source_and_take_from_the_name_equal_the_columns(esc50_table, tmp_path):
    with esc50_table.open() as file:
        rows = list(csv.DictReader(file))
    keys = ["filename", "fold", "target", "category"]
    lines = [",".join(row[key] for key in keys) for row in rows]
    table = read_table(write(tmp_path, [",".join(keys), *lines], clips=False), check_files=False)
    assert table.sources.tolist() == [row["src_file"] for row in rows]
    assert table.takes.tolist() == [row["take"] for row in rows]


def test_columns_come_before_names_and_stems_are_the_last_resort(tmp_path):
    lines = ["take,src_file," + HEADER, "B,77,1-5-A-0.wav,1,0,x", ",,1-5-C-0.wav,1,0,x"]
    lines += [",,my dog.wav,1,0,x"]
    table = read_table(write(tmp_path, lines, clips=False), check_files=False)
    assert table.sources.tolist() == ["77", "5", "my dog"]
    assert table.takes.tolist() == ["B", "C", "A"]


def test_classes_are_the_tables_own(tmp_path):
    table = read_table(write(tmp_path, [HEADER, *ROWS]))
    assert table.classes == ("dog", "rain")
    assert table.labels.tolist() == [0, 10, 0] and table.targets.tolist() == [0, 1, 0]
    assert table.categories5.tolist() == [0, 1]
    other = read_table(write(tmp_path, [HEADER, "a.wav,1,0,cat", "b.wav,1,70,drone"]))
    assert other.categories5 is None


def test_marker_file_makes_it_synthetic(tmp_path):
    root = write(tmp_path, [HEADER, *ROWS])
    assert not read_table(root).synthetic
    (root / "SYNTHETIC").touch()
    assert read_table(root).synthetic


def test_select_is_a_data_set_of_its_own(tmp_path):
    table = read_table(write(tmp_path, [HEADER, *ROWS]))
    part = table.select(np.array([False, True, False]))
    assert part.filenames == ("b.wav",) and part.classes == ("rain",)
    assert part.targets.tolist() == [0] and part.labels.tolist() == [10]
    assert part.folds.tolist() == [2] and part.sources.tolist() == ["b"]


def test_tables_that_are_no_tables(tmp_path):
    refuses(tmp_path, "esc50.csv is missing")
    path = write(tmp_path, []) / "meta" / "esc50.csv"
    refuses(tmp_path, "is empty")
    write(tmp_path, [HEADER])
    refuses(tmp_path, "is empty")
    path.write_bytes(b"filename,fold,target,category\n\xe9.wav,1,0,dog\n")
    refuses(tmp_path, "1 of 1 files .*: é.wav")
    path.write_text(f'{HEADER}\n"a.wav,1,0,dog\n')
    refuses(tmp_path, "not a CSV table")
    path.unlink()
    path.mkdir()
    refuses(tmp_path, "cannot be read")


@pytest.mark.parametrize("column", ["filename", "fold", "target", "category"])
def test_missing_column_is_named(tmp_path, column):
    refuses(write(tmp_path, [HEADER.replace(column, "x"), *ROWS]), f"no column '{column}'")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("d.wav,one,0,dog", "line 5: fold 'one' is not a whole number"),
        ("d.wav,1.5,0,dog", "line 5: fold '1.5'"),
        ("d.wav,\x1f1,0,dog", "line 5: fold '.x1f1' is not a whole number"),
        ("d.wav,1,,dog", "line 5: target ''"),
        ("d.wav,1,-1,dog", "line 5: target '-1'"),
        ("d.wav,1,0", "line 5: 3 fields instead of 4"),
        ("b.wav,2,10,rain", "lists b.wav twice: lines 3 and 5"),
        ("d.wav,1,0,cat", "line 5: target 0 has two categories, 'dog' and 'cat'"),
        ("d.wav,1,1,dog", "line 5: category 'dog' has two targets, 0 and 1"),
        ("d.wav,1,1, ", "line 5: the category"),
        ("../d.wav,1,0,dog", "line 5: .* leads out"),
        ("x/../../d.wav,1,0,dog", "line 5: .* leads out"),
        ("/etc/passwd,1,0,dog", "line 5: .* leads out"),
        ("..\\d.wav,1,0,dog", "line 5: .* leads out"),
        (",1,0,dog", "line 5: .* is empty"),
        ("d\x07.wav,1,0,dog", "line 5: .* control characters"),
    ],
)
def test_bad_rows_are_refused_by_line(tmp_path, row, words):
    refuses(write(tmp_path, [HEADER, *ROWS, row], clips=False), words, check_files=False)


def test_missing_clips_are_counted_and_the_first_five_named(tmp_path):
    lines = [HEADER, *(f"{k}.wav,1,0,dog" for k in range(9))]
    root = write(tmp_path, lines)
    for k in (1, 2, 4, 5, 6, 8):
        (root / "audio" / f"{k}.wav").unlink()
    (root / "audio" / "1.wav").mkdir()
    refuses(root, "^6 of 9 files .*: 1.wav, 2.wav, 4.wav, 5.wav, 6.wav, ...$")
    assert len(read_table(root, check_files=False)) == 9


def test_links_out_of_audio_are_refused(tmp_path):
    root = write(tmp_path, [HEADER, *ROWS])
    (tmp_path / "secret").touch()
    (root / "audio" / "a.wav").unlink()
    (root / "audio" / "a.wav").symlink_to(tmp_path / "secret")
    refuses(root, "a.wav is a link that leads out")
    (root / "audio" / "a.wav").unlink()
    (root / "audio" / "a.wav").symlink_to("b.wav")
    assert len(read_table(root)) == 3
    (root / "audio" / "up").symlink_to(tmp_path)
    write(root, [HEADER, "up/secret,1,0,dog"], clips=False)
    refuses(root, "up is a link that leads out")


def test_clips_in_folders_of_audio(tmp_path):
    root = write(tmp_path, [HEADER, "x/a.wav,1,0,dog", "x/b.wav,1,0,dog"], clips=False)
    (root / "audio" / "x").mkdir()
    (root / "audio" / "x" / "a.wav").touch()
    refuses(root, "1 of 2 files .*: x/b.wav$")
    (root / "audio" / "x" / "b.wav").touch()
    assert read_table(root).paths[1] == root / "audio" / "x" / "b.wav"


@pytest.mark.slow
def test_twenty_thousand_rows_are_quick(tmp_path):
    lines = [HEADER, *(f"{k % 5 + 1}-{k // 2}-A-{k % 50}-{k}.wav,1,0,dog" for k in range(20_000))]
    root = write(tmp_path, lines)
    begin = time.process_time()
    assert len(read_table(root)) == 20_000
    assert time.process_time() - begin < 1


def test_targets_are_computed_once_however_often_a_page_asks_for_them(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold,target,category\na.wav,4,7,owl\n")
    table = read_table(tmp_path, check_files=False)
    assert table.targets is table.targets
    assert table.select(np.array([True])).targets.tolist() == [0]

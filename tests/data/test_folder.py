from pathlib import Path

import numpy as np
import pytest

from esc50.data.folder import read_folder
from esc50.errors import UserError


def fill(root: Path, **classes: list[str]) -> Path:
    for category, names in classes.items():
        (root / category).mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / category / name).touch()
    return root


FIVE = ["a.wav", "b.flac", "c.ogg", "d.MP3", "e.aiff"]


def test_classes_folds_and_paths(tmp_path):
    table = read_folder(fill(tmp_path, saw=FIVE, drill=[*FIVE, "notes.txt", ".hidden.wav"]))
    assert table.classes == ("drill", "saw") and len(table) == 10
    assert table.filenames[0] == "drill/a.wav"
    assert all(path.is_file() for path in table.paths)
    for label in (0, 1):
        assert sorted(table.folds[table.labels == label]) == [1, 2, 3, 4, 5]
    assert table.categories5 is None and not table.synthetic


def test_takes_of_a_source_share_a_fold(tmp_path):
    names = [f"{source}{take}.wav" for source in "abcdef" for take in ("_1", "-02", " (3)")]
    names += ["g_take2.wav", "g-part 4.wav", "1-77-A-0.wav", "1-77-B-0.wav", "7.wav", "8.wav"]
    table = read_folder(fill(tmp_path, x=names))
    sources = {
        name[2:]: source for name, source in zip(table.filenames, table.sources, strict=True)
    }
    assert sources["a_1.wav"] == sources["a-02.wav"] == sources["a (3).wav"] == "x/a"
    assert sources["g_take2.wav"] == sources["g-part 4.wav"] == "x/g"
    assert sources["1-77-A-0.wav"] == sources["1-77-B-0.wav"] == "x/77"
    assert sources["7.wav"] != sources["8.wav"]
    for source in set(table.sources):
        assert len(set(table.folds[table.sources == source])) == 1


def test_each_file_its_own_source(tmp_path):
    folder = fill(tmp_path, x=[f"x_{k}.wav" for k in range(7)])
    with pytest.raises(UserError, match="7 clips of 1 sources, and 5 are needed"):
        read_folder(folder)
    assert len(set(read_folder(folder, takes=False).sources)) == 7


def test_folds_are_balanced_and_repeatable(tmp_path):
    rng = np.random.default_rng(0)
    classes = {
        f"class{c}": [f"s{s}x_{t}.wav" for s in range(23) for t in range(rng.integers(1, 5))]
        for c in range(4)
    }
    table = read_folder(fill(tmp_path, **classes))
    for label in range(4):
        counts = np.bincount(table.folds[table.labels == label], minlength=6)[1:]
        assert counts.max() - counts.min() <= 2
    totals = np.bincount(table.folds)[1:]
    assert totals.max() - totals.min() <= 4
    again = read_folder(tmp_path)
    assert again.filenames == table.filenames
    np.testing.assert_array_equal(again.folds, table.folds)


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    def refuses(words: str, folder: Path = tmp_path) -> None:
        with pytest.raises(UserError, match=words):
            read_folder(folder)

    refuses("cannot be read as a folder", tmp_path / "absent")
    (tmp_path / "loose.wav").touch()
    refuses("no sub-folders")
    fill(tmp_path, x=["readme.txt"])
    refuses("holds no sound")
    fill(tmp_path, x=FIVE, few=FIVE[:4])
    refuses("few holds 4 clips of 4 sources, and 5 are needed")
    fill(tmp_path, few=FIVE)
    fill(tmp_path, **{"few": ["bad\n.wav"]})
    refuses("control characters")


def test_a_table_in_the_folder_comes_first(tmp_path):
    fill(tmp_path, audio=["a.wav"], meta=[])
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold,target,category\na.wav,4,7,owl\n")
    table = read_folder(tmp_path)
    assert table.folds.tolist() == [4] and table.classes == ("owl",)
    assert table.paths == [tmp_path / "audio" / "a.wav"]

from pathlib import Path

import numpy as np
import pytest

from esc50.data.notices import notice
from esc50.data.tables.folder import read_folder
from esc50.data.tables.folds import give_folds
from esc50.errors import UserError


def fill(root: Path, **classes: list[str]) -> Path:
    for category, names in classes.items():
        (root / category).mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / category / name).touch()
    return root


@pytest.fixture(autouse=True)
def _unsaid():
    notice.cache_clear()


FIVE = ["a.wav", "b.flac", "c.ogg", "d.MP3", "e.aiff"]


def sources(table):
    return dict(zip(table.filenames, table.sources.tolist(), strict=True))


def test_classes_paths_and_what_is_no_clip(tmp_path, capsys):
    junk = ["notes.txt", ".hidden.wav", "._a.wav", "Thumbs.db"]
    table = read_folder(fill(tmp_path, saw=FIVE, drill=[*FIVE, *junk]))
    assert table.classes == ("drill", "saw") and len(table) == 10
    assert table.filenames[0] == "drill/a.wav"
    assert all(path.is_file() for path in table.paths)
    assert table.categories5 is None and not table.synthetic and table.sides is None
    said = capsys.readouterr().err
    assert "3 hidden or the system's own ('drill/._a.wav'" in said
    assert "1 no sound by their suffix ('drill/notes.txt')" in said


def test_a_folder_as_a_phone_exports_it(tmp_path, capsys):
    for name in ("__MACOSX", ".thumbnails", "@eaDir", "lost+found", "empty"):
        fill(tmp_path, **{name: []})
    fill(tmp_path, **{"Tür auf": [f"Aufnahme ({k}).WAV" for k in range(1, 8)]})
    fill(tmp_path, **{"a=b, c": ["New, rec=1.wav", "New, rec=2.wav"], "a=b, c/old": ["x.wav"]})
    (tmp_path / "Tür auf" / "link.wav").symlink_to(tmp_path / "a=b, c" / "New, rec=1.wav")
    (tmp_path / "Tür auf" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "loose.wav").touch()
    table = read_folder(tmp_path)
    assert table.classes == ("Tür auf", "a=b, c") and len(table) == 10
    assert len(set(table.sources)) == 10
    said = capsys.readouterr().err
    for words in (
        "4 hidden or the system's own",
        "1 in a folder within a class folder ('a=b, c/old/x.wav')",
        "1 links that lead nowhere ('Tür auf/gone.wav')",
        "1 in no class folder ('loose.wav')",
        "1 folders without a clip ('empty/')",
        "in 'Tür auf' each file is taken for a recording of its own",
    ):
        assert words in said


def test_takes_of_a_source_are_told_by_names_that_say_so_or_leave_enough(tmp_path, capsys):
    names = [f"{source}{take}.wav" for source in "abcdef" for take in ("_1", "-02", " (3)")]
    names += ["g_take2.wav", "g-part 4.wav", "1-77-A-0.wav", "1-77-B-0.wav", "7.wav", "8.wav"]
    table = read_folder(fill(tmp_path, x=names, y=["h_take1.wav", "h_take2.wav", "h.wav"]))
    of = sources(table)
    assert of["x/a_1.wav"] == of["x/a-02.wav"] == of["x/a (3).wav"] == "x/a"
    assert of["x/g_take2.wav"] == of["x/g-part 4.wav"] == "x/g"
    assert of["x/1-77-A-0.wav"] == of["x/1-77-B-0.wav"] == "x/77"
    assert of["x/7.wav"] != of["x/8.wav"]
    assert of["y/h_take1.wav"] == of["y/h_take2.wav"] == "y/h"
    assert "in 'x' clips whose names differ only in a number" in capsys.readouterr().err


def test_numbered_clips_are_takes_where_one_says_so(tmp_path, capsys):
    folder = fill(tmp_path, dog=[f"dog_{k:02}.wav" for k in range(1, 21)], cat=FIVE)
    assert len(set(read_folder(folder).sources)) == 25
    assert "(data.takes=true: they are one)" in capsys.readouterr().err
    assert len(set(read_folder(folder, takes=True).sources)) == 6
    assert len(set(read_folder(folder, takes=False).sources)) == 25


def test_folders_of_sides_give_each_clip_its_side(tmp_path):
    for side in ("train", "Validation", "test"):
        fill(tmp_path / side, dog=["dog_1.wav", "dog_2.wav"], cat=["1-5-A-0.wav"])
    table = read_folder(tmp_path)
    assert table.classes == ("cat", "dog")
    assert sorted(table.sides) == ["test"] * 3 + ["train"] * 3 + ["val"] * 3
    of = sources(table)
    assert of["train/dog/dog_1.wav"] != of["test/dog/dog_1.wav"]
    assert of["train/cat/1-5-A-0.wav"] == of["test/cat/1-5-A-0.wav"] == "cat/5"
    assert all(path.is_file() for path in table.paths)


def test_other_folders_beside_those_of_sides_are_refused(tmp_path):
    fill(tmp_path, train=FIVE, dog=FIVE)
    assert read_folder(tmp_path).classes == ("dog", "train")
    fill(tmp_path, noise=FIVE)
    fill(tmp_path / "Test", cat=FIVE)
    words = "holds 'dog', 'noise' beside the sides 'Test', 'train' of a split: move .*data=csv"
    with pytest.raises(UserError, match=words):
        read_folder(tmp_path)


def test_a_class_is_one_in_whatever_unicode_form_its_folders_are(tmp_path):
    for side, name in (("train", "caf\u00e9"), ("test", "cafe\u0301")):
        fill(tmp_path / side, **{name: FIVE})
    table = read_folder(tmp_path)
    assert table.classes == ("caf\u00e9",)
    assert all(path.is_file() for path in table.paths)


def test_class_folders_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    table = read_folder(fill(tmp_path, **{"0": ["a.wav"], "10": ["b.wav"], "9": ["c.wav"]}))
    assert table.classes == ("0", "9", "10") and table.class_labels.tolist() == [0, 9, 10]
    assert table.targets.tolist() == [0, 2, 1]


def test_folds_are_made_of_whole_sources_and_classes_are_spread(tmp_path):
    rng = np.random.default_rng(0)
    classes = {
        f"class{c}": [f"s{s}x_{t}.wav" for s in range(23) for t in range(rng.integers(1, 5))]
        for c in range(4)
    }
    table = give_folds(read_folder(fill(tmp_path / "x", **classes)), 5, 0, tmp_path / "cache")
    for label in range(4):
        counts = np.bincount(table.folds[table.labels == label], minlength=6)[1:]
        assert counts.max() - counts.min() <= 4
    for source in set(table.sources):
        assert len(set(table.folds[table.sources == source])) == 1


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    def refuses(words: str, folder: Path = tmp_path) -> None:
        with pytest.raises(UserError, match=words):
            read_folder(folder)

    refuses("cannot be read as a folder", tmp_path / "absent")
    (tmp_path / "loose.wav").touch()
    refuses("no sub-folders.* side by side take a table")
    fill(tmp_path / "deep" / "er", x=FIVE)
    refuses("holds no sound in its sub-folders 'deep': are they in data.root=.*deep")
    refuses("holds no sound in its sub-folders 'er': are they in", tmp_path / "deep")
    fill(tmp_path, fold=FIVE, other=FIVE)
    refuses("the class folder 'fold' is the name of a column")
    fill(tmp_path, **{"few": ["bad\n.wav"]})
    refuses("control characters")


def test_a_table_in_the_folder_comes_first(tmp_path):
    fill(tmp_path, audio=["a.wav"], meta=[])
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold,target,category\na.wav,4,7,owl\n")
    table = read_folder(tmp_path)
    assert table.folds.tolist() == [4] and table.classes == ("owl",)
    assert table.paths == [tmp_path / "audio" / "a.wav"]

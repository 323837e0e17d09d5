import contextlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from esc50.config.choices import CONF
from esc50.config.schema.sections import DataSettings
from esc50.data.datasets import ESC10, Folder, make_dataset, open_clips
from esc50.data.tables.table import read_table
from esc50.errors import UserError

OWN = f"{__name__}.Shelf"
FIVE = ["a.wav", "b.flac", "c.ogg", "d.MP3", "e.aiff"]
LINKS = {"url": "http://127.0.0.1:9/none.zip", "sha256": None}


def fill(root, **classes):
    for category, names in classes.items():
        (root / category).mkdir(parents=True)
        for name in names:
            (root / category / name).touch()
    return root


def write_table(root, *names):
    (root / "meta").mkdir()
    (root / "audio").mkdir()
    rows = [f"{name},{fold},7,owl" for fold, name in enumerate(names, start=1)]
    for name in names:
        (root / "audio" / name).touch()
    (root / "meta" / "esc50.csv").write_text("\n".join(["filename,fold,target,category", *rows]))


class Shelf:
    """A data set of one's own, which knows nothing of this package but the table."""

    def __init__(self, shelf: str, newest: int = 2):
        self.shelf, self.newest = Path(shelf), newest

    def open(self):
        table = read_table(self.shelf)
        return table.select(table.folds <= self.newest)


class Closed:
    pass


class Empty:
    def open(self):
        return None


def test_a_data_set_of_ones_own_is_named_by_its_target(tmp_path):
    write_table(tmp_path, "a.wav", "b.wav", "c.wav")
    section = {"_target_": OWN, "shelf": str(tmp_path), "cache_dir": "cache", "workers": None}
    assert open_clips(section).filenames == ("a.wav", "b.wav")
    assert open_clips({**section, "newest": 1}).filenames == ("a.wav",)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (
            {"_target_": OWN, "shelve": "x"},
            f"data.shelve is not an argument of {OWN}: did",
        ),
        ({"_target_": OWN, "shelf": "x", "seed": 1}, "data.seed is not an argument of"),
        ({"_target_": OWN, "shelf": "???"}, r"needs shelf: give it as data\.shelf=\.\.\."),
        ({"_target_": f"{__name__}.Closed"}, r"has no open\(\) that returns a table"),
        ({"_target_": f"{__name__}.Empty"}, "returns NoneType, not a ClipTable"),
        ({"_target_": "nowhere.Clips"}, "data._target_=nowhere.Clips is invalid: No module named"),
        ({"name": "esc50"}, "data._target_=null is invalid: it takes a class"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_a_sentence(section, words):
    with pytest.raises(UserError, match=words):
        open_clips(section)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("Folder", {}, "data.takes has no value: give it as data.takes=..."),
        ("Folder", {"root": "???", "takes": True}, "data.root has no value"),
        ("Folder", {"root": None, "takes": True}, "data.root=null is invalid: it takes a text"),
        ("Folder", {"root": "", "takes": True}, "data.root= is invalid: it takes a text"),
        ("Folder", {"takes": "no"}, "data.takes=no is invalid: it takes true or false"),
        ("ESC50", {**LINKS, "sha": "0"}, "data.sha is not a setting: did you mean data.sha256?"),
        ("ESC10", {**LINKS, "name": "esc10"}, "data.name is now called data._target_"),
    ],
)
def test_a_wrong_key_is_refused_in_a_sentence(name, wrong, sentence):
    with pytest.raises(UserError) as caught:
        make_dataset({"_target_": f"esc50.data.datasets.{name}", "root": "here", **wrong})
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "many"])
def test_workers_are_null_or_a_whole_number_from_1(workers):
    with pytest.raises(UserError, match="it takes a whole number of at least 1, or null"):
        DataSettings.of({"cache_dir": "cache", "workers": workers, "root": "here"})
    for fine in (None, 1, 8):
        assert DataSettings.of({"cache_dir": "cache", "workers": fine}).workers == fine


def test_a_folder_of_classes(tmp_path):
    fill(tmp_path, x=FIVE, y=FIVE)
    assert open_clips(Folder(root=tmp_path, takes=True)).classes == ("x", "y")


def test_esc10_is_read_from_a_folder_of_its_own(esc10):
    assert len(open_clips(ESC10(root=esc10, **LINKS))) == 400


def test_esc10_is_cut_out_of_esc50(tmp_path, esc50_table):
    rows = [line.split(",") for line in esc50_table.read_text().splitlines()[1:]]
    fill(tmp_path, audio=[name for name, *_ in rows], meta=[])
    (tmp_path / "meta" / "esc50.csv").write_text(esc50_table.read_text())
    table = open_clips(ESC10(root=tmp_path, **LINKS))
    assert set(table.filenames) == {name for name, _, _, _, marked, *_ in rows if marked == "True"}
    assert len(table.classes) == 10


def test_another_data_set_is_not_esc10(tmp_path):
    write_table(tmp_path, "a.wav")
    with pytest.raises(UserError, match="ten classes of ESC-10"):
        open_clips(ESC10(root=tmp_path, **LINKS))


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(path.stem, marks=pytest.mark.slow if path.stem == "demo" else ())
        for path in sorted((CONF / "data").glob("*.yaml"))
    ],
)
def test_every_key_of_a_data_set_is_read(choice, tmp_path):
    """Opened where nothing is and nothing can be fetched; the keys are read before that shows."""
    overrides = [f"data={choice}", f"data.root={tmp_path / 'none'}"]
    overrides += ["data.table=none.csv"] if choice == "csv" else []
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        cfg = compose("train", overrides)
    section = OmegaConf.to_container(cfg.data, resolve=True)
    if "url" in section:
        section["url"] = "http://127.0.0.1:9/none.zip"
    if "clips_per_fold" in section:
        section["clips_per_fold"] = 10
    made, read = make_dataset(section), set()

    class Recorded(type(made)):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    with contextlib.suppress(UserError):
        Recorded(**dict(made)).open()
    assert set(section) - {"_target_", *DataSettings.model_fields} <= read


def test_a_table_is_a_data_set_and_urbansound8k_one_of_them(tmp_path):
    (tmp_path / "metadata").mkdir()
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for fold in range(1, 11):
        (tmp_path / "audio" / f"fold{fold}").mkdir(parents=True)
        for number, name in ((3, "dog_bark"), (0, "air_conditioner")):
            rows.append(
                f"{fold}{number}-{number}-0-0.wav,{fold}{number},0,4,1,{fold},{number},{name}"
            )
            (tmp_path / "audio" / f"fold{fold}" / f"{fold}{number}-{number}-0-0.wav").touch()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join(rows))
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        named = compose("train", ["data=urbansound8k", f"data.root={tmp_path}"]).data
        spelled = compose(
            "train",
            [
                "data=csv",
                f"data.table={tmp_path}/metadata/UrbanSound8K.csv",
                f"data.audio={tmp_path}/audio",
                "data.columns.file='fold{fold}/{slice_file_name}'",
            ],
        ).data
    for section in (named, spelled):
        table = open_clips(OmegaConf.to_container(section))
        assert table.fold_numbers == list(range(1, 11)) and len(table) == 20
        assert table.classes == ("air_conditioner", "dog_bark")
        assert table.sources[0] == "13" and all(path.is_file() for path in table.paths)
    assert open_clips(OmegaConf.to_container(named)).class_labels.tolist() == [0, 3]


def test_a_wrong_column_section_is_refused_by_its_key():
    section = {"table": "x.csv", "columns": {"file": "a"}}
    with pytest.raises(UserError, match=r"data\.columns\.label has no value"):
        make_dataset({"_target_": "esc50.data.datasets.Table", **section})


def test_a_recording_keeps_its_fold_however_long_its_windows_are(tmp_path):
    for row in range(24):
        path = tmp_path / "ab"[row % 2] / f"take{'abcdefghijklmnopqrstuvwx'[row]}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros(800 * (3 + row % 5)), 800)
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        own = ["data=folder", f"data.root={tmp_path}", f"data.cache_dir={tmp_path}/cache"]
        section = OmegaConf.to_container(compose("train", [*own, "data.windows=1"]).data)
    tables = [open_clips(section, seconds) for seconds in (1.0, 1.5, 2.0)]
    folds = [dict(zip(table.files, table.folds.tolist(), strict=True)) for table in tables]
    assert folds[0] == folds[1] == folds[2] and len(folds[0]) == 24
    assert len(tables[0]) > len(tables[2]) > 24


def test_windows_of_a_part_keep_its_fold_and_parts_without_an_end_have_none(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 8000)
    (tmp_path / "t.csv").write_text("file,start,end,label,fold\na.wav,0,1,x,1\na.wav,0.5,2,y,2\n")
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        own = ["data=csv", f"data.table={tmp_path}/t.csv", f"data.cache_dir={tmp_path}/cache"]
        section = OmegaConf.to_container(compose("train", own).data)
    assert open_clips(section).filenames == ("a.wav#t=0,1", "a.wav#t=0.5,2")
    cut = open_clips(section | {"windows": 0.5}, 1.0)
    assert cut.filenames == ("a.wav#t=0,1", "a.wav#t=0.5,1.5", "a.wav#t=1,2")
    assert cut.folds.tolist() == [1, 2, 2] and cut.lines.tolist() == [2, 3, 3]
    columns = section["columns"] | {"end": None}
    with pytest.raises(
        UserError, match=r"windows=0\.5 has nothing to cut: the parts .* have no end"
    ):
        open_clips(section | {"windows": 0.5, "columns": columns}, 1.0)

import math
import shutil

import pytest

from esc50.errors import UserError
from esc50.report.run.clips import Clips
from esc50.results.run_folder import read_config


@pytest.fixture
def tiny_config(tiny_run):
    return read_config(tiny_run)


def test_features_are_those_of_the_run(tiny_config):
    clips = Clips(tiny_config, trusted=False)
    assert clips.logmels.shape == (50, 1, 32, 32) and clips.n_gone == 0
    name = clips.data.table.filenames[7]
    assert clips.place(name) == (clips.paths[7], (0.0, math.inf)) and clips.row[name] == 7
    assert clips.paths[7].name == name and "other.wav" not in clips.row
    assert clips.rows_of(frozenset(clips.data.digests[3:5])).tolist() == [3, 4]


def test_a_tilde_in_the_config_is_the_home_folder(tiny_config, tiny, monkeypatch):
    monkeypatch.setenv("HOME", str(tiny.parent))
    config = {**tiny_config, "data": {**tiny_config["data"], "root": f"~/{tiny.name}"}}
    assert Clips(config, trusted=False).n_gone == 0


def test_clips_deleted_since_are_left_out(tiny_config, tiny, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(tiny, root)
    gone = sorted((root / "audio").iterdir())[3]
    gone.unlink()
    cache = str(tmp_path / "cache")
    config = {**tiny_config, "data": {**tiny_config["data"], "root": str(root), "cache_dir": cache}}
    clips = Clips(config, trusted=False)
    assert clips.n_gone == 1 and len(clips.row) == 49 and gone.name not in clips.row
    assert len(clips.logmels) == 49


@pytest.mark.parametrize(
    ("section", "target"), [("features", "tests.audio.Own"), ("augment", "os.system")]
)
def test_no_code_of_another_package_is_imported_for_features_or_augmentation(
    tiny_config, section, target
):
    config = {**tiny_config, section: {**tiny_config[section], "_target_": target}}
    with pytest.raises(UserError, match=rf"{target}, code of another package.*--trust"):
        Clips(config, trusted=False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"root": "nowhere"}, "nowhere is not there any more"),
        ({"_target_": "tests.config.broken.Data"}, r"tests\.config\.broken\.Data.*--trust"),
    ],
)
def test_what_is_not_at_hand_or_not_trusted_is_one_sentence(tiny_config, data, sentence):
    config = {**tiny_config, "data": {**tiny_config["data"], **data}}
    with pytest.raises(UserError, match=sentence):
        Clips(config, trusted=False)

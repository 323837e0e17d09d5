"""Files from others: nothing in them is run, and nothing is written outside of where it belongs."""

import csv
import json
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from esc50.data.cache import entries as cache
from esc50.errors import CheckpointError, UserError
from esc50.model.resnet import single_channel_resnet18
from esc50.model.trained import load_trained
from esc50.report.run.origin import read_chosen_epoch
from esc50.results import ledger
from esc50.results.display.tables import Table
from esc50.results.run_folder import read_config, read_settings
from esc50.training.resume.checkpoints import origin, read_checkpoint

ARRAYS = {"x": ((4, 3), "<f4")}
VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(tmp_path):
    """A folder that appears where something is run."""
    trap = tmp_path / "trap"
    pickle.loads(pickle.dumps(Bomb(trap)))
    trap.rmdir()  # so the bomb is one
    yield trap
    assert not trap.exists(), "what was in the file has been run"


@pytest.mark.parametrize("where", ["state_dict", "esc50", "the whole", "an old pickle"])
def test_a_checkpoint_runs_nothing(tmp_path, trap, where):
    path = tmp_path / "evil.ckpt"
    whole = {"esc50": {}, "state_dict": {}, "epoch": 1}
    content = {**whole, where: Bomb(trap)} if where in whole else Bomb(trap)
    torch.save(content, path, _use_new_zipfile_serialization=where != "an old pickle")
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
    with pytest.raises(UserError, match="not a checkpoint"):
        load_trained(path, trusted=True)
    with pytest.raises(UserError):
        single_channel_resnet18(3, weights=str(path))
    assert read_chosen_epoch(path) is None
    assert origin({"ckpt_path": None, "model": {"weights": str(path)}}).pretrained_on.startswith(
        "unknown"
    )


def damage(entry: Path, content: bytes) -> None:
    """Put another file in the place of an entry's array, with a checksum that is right."""
    (entry / "x.npy").write_bytes(content)
    record = json.loads((entry / "entry.json").read_text())
    record["files"] = {"x": {"size": len(content), "crc32": zlib.crc32(content)}}
    (entry / "entry.json").write_text(json.dumps(record))


def build(folder: Path) -> np.ndarray:
    opened = cache.open_or_build(folder, "clips-0", ARRAYS, lambda made: made.write(0, x=VALUES))
    return opened.arrays["x"]


@pytest.mark.parametrize("kind", ["pickled objects", "a pickle", "no array", "a header that lies"])
def test_a_cached_array_runs_nothing_and_is_built_again(tmp_path, trap, kind):
    build(tmp_path / "cache")
    entry = tmp_path / "cache" / "clips-0"
    if kind == "pickled objects":
        np.save(tmp_path / "evil.npy", np.array([Bomb(trap)], object), allow_pickle=True)
        content = (tmp_path / "evil.npy").read_bytes()
    elif kind == "a pickle":
        content = pickle.dumps(Bomb(trap))
    elif kind == "no array":
        content = b"\x93NUMPY\x01\x00" + b"\xff" * 100
    else:
        content = (entry / "x.npy").read_bytes()[:-40]
    damage(entry, content)
    assert np.array_equal(build(tmp_path / "cache"), VALUES)


def test_an_entry_that_is_a_link_leads_nowhere_else(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "entry.json").write_text("{}")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "clips-0").symlink_to(outside)
    assert np.array_equal(build(tmp_path / "cache"), VALUES)
    assert [path.name for path in outside.iterdir()] == ["entry.json"]
    assert not (tmp_path / "cache" / "clips-0").is_symlink()


def test_an_array_that_is_a_link_is_not_followed(tmp_path):
    build(tmp_path / "cache")
    array = tmp_path / "cache" / "clips-0" / "x.npy"
    outside = array.rename(tmp_path / "x.npy")
    array.symlink_to(outside)
    before = outside.read_bytes()
    assert np.array_equal(build(tmp_path / "cache"), VALUES)
    assert outside.read_bytes() == before and not array.is_symlink()


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "a/b", "a\0b"])
def test_an_entry_names_no_file_elsewhere(tmp_path, name):
    build(tmp_path / "cache")
    entry = tmp_path / "cache" / "clips-0"
    (tmp_path / "outside.npy").write_bytes(b"mine")
    record = json.loads((entry / "entry.json").read_text())
    record["files"] = {name: {"size": 4, "crc32": zlib.crc32(b"mine")}}
    (entry / "entry.json").write_text(json.dumps(record))
    assert cache.entry_fault(entry)
    assert np.array_equal(build(tmp_path / "cache"), VALUES)
    assert (tmp_path / "outside.npy").read_bytes() == b"mine"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!!python/name:os.mkdir"])
def test_a_runs_config_runs_nothing(tmp_path, trap, tag):
    (tmp_path / "config.yaml").write_text(f"model: {tag} [{trap}]\n")
    assert read_config(tmp_path) is None and read_settings(tmp_path) == {}


@pytest.mark.parametrize("text", ["9" * 400, "1e999", "text", "- a", "", "? [a]\n: b"])
def test_a_runs_config_of_another_shape_is_none_or_empty(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    assert read_settings(tmp_path) == {}


def test_a_runs_config_of_references_to_references_is_none(tmp_path):
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    (tmp_path / "config.yaml").write_text("\n".join(lines))
    assert read_config(tmp_path) is None
    assert yaml.safe_load("a: &a 1\nb: *a") == {"a": 1, "b": 1}, "the like may be large"


def test_a_ledger_prints_and_gives_no_formula_or_escape_on(tmp_path, capsys):
    path = tmp_path / "results.csv"
    evil = {"experiment": "=cmd()", "data": "\x1b[31mred", "protocol": "<b>"}
    ledger.append(path, evil)
    assert {key: ledger.read(path)[0][key] for key in evil} == evil
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "\x1b")) for cell in cells)
    shown = Table("t", ["experiment", "data"], [[evil["experiment"], evil["data"]]]).markdown()
    assert "\x1b" not in shown

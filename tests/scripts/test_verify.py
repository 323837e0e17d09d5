import importlib
import shutil

import numpy as np
import pytest

from esc50.data.cache.entries import _checked, open_or_build
from esc50.data.cache.part import RowWriter


@pytest.fixture
def verify(monkeypatch):
    """The script, and what it says of folders: its status and its lines."""
    module = importlib.import_module("scripts.verify")

    def run(*folders):
        _checked.clear()  # as in a process of its own
        with pytest.raises(SystemExit) as end:
            module.main([str(folder) for folder in folders])
        return end.value.code

    return run


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture
def kept(tiny_run, tmp_path):
    """A run beside a ledger and a cache."""
    shutil.copytree(tiny_run, tmp_path / "outputs" / "run")
    shutil.copy(tiny_run.parent / "results.csv", tmp_path / "outputs")
    rows = np.zeros((4, 3), np.float32)
    shapes = {"a": ((4, 3), "<f4")}
    open_or_build(tmp_path / "cache", "k", shapes, lambda writer: writer.write(0, a=rows))
    return tmp_path


def test_what_is_whole_is_counted(verify, kept, capsys):
    assert verify(kept / "outputs", kept / "cache") == 0
    # two checkpoints, results.json, predictions.csv, the ledger, a cache entry
    assert capsys.readouterr().out == "6 whole, 0 damaged\n"


def test_each_damaged_file_is_named(verify, kept, capsys):
    outputs = kept / "outputs"
    flip(outputs / "run" / "checkpoints" / "best.ckpt")
    flip(kept / "cache" / "k" / "a.npy")
    (outputs / "run" / "predictions.csv").write_text("clip,fold,target,prediction,a\n1,2\n")
    with (outputs / "results.csv").open("a") as ledger:
        ledger.write("cut o")
    (outputs / "run" / "results.json.part7").write_text("half")
    with RowWriter(kept / "cache" / "k2.part-0", {"a": ((4, 3), "<f4")}, 1):
        pass
    assert verify(kept) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 whole, 6 damaged"
    for words in (
        "best.ckpt: is not a checkpoint of this package, or is damaged",
        "k: a.npy has changed since it was written",
        "predictions.csv: is damaged",
        "results.csv: the last line was cut off",
        "k2.part-0: its build was cut off: the same command goes on with it",
        "results.json.part7: a killed process was writing it",
    ):
        assert any(words in line for line in lines), words


def test_a_folder_that_is_not_there_is_refused(verify, tmp_path, capsys):
    assert verify(tmp_path / "none") == 2
    assert "is no folder" in capsys.readouterr().err


def test_where_there_is_nothing_to_verify_it_says_so(verify, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert verify() == 2
    assert "nothing to verify here, no data/cache and no outputs" in capsys.readouterr().err

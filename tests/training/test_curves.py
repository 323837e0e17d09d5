import csv
from contextlib import contextmanager

import pytest

from esc50.training.curves import CurveTable
from esc50.training.fold import run_fold
from esc50.training.records.history import History


def write(folder, steps, goes_on=True, **more):
    table = CurveTable(folder, goes_on=goes_on)
    for step in steps:
        table.log_metrics({"train/loss": 2.0 - step / 10, **more}, step)
    return [(row["step"], row["train/loss"]) for row in rows(folder)]


def rows(folder, name="metrics.csv"):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_that_goes_on_keeps_the_rows_before_its_first_step(tmp_path):
    before = write(tmp_path, [0, 1, 2, 3])
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("1.9")  # cut off by a kill
    assert CurveTable(tmp_path, name="", version="").experiment
    assert len(rows(tmp_path)) == 4, "nothing is made again yet"
    after = write(tmp_path, [2, 3, 4], **{"val/loss": 7})
    assert after[:4] == before and [step for step, _ in after] == ["0", "1", "2", "3", "4"]
    assert [row["val/loss"] for row in rows(tmp_path)] == ["", "", "7", "7", "7"]


def test_a_run_that_starts_anew_keeps_the_file_of_before_aside(tmp_path):
    first = write(tmp_path, [0, 1, 2])
    assert write(tmp_path, [2], goes_on=False) == [("2", "1.8")]
    assert write(tmp_path, [3, 4], goes_on=False)[0] == ("3", "1.7")
    kept = [(row["step"], row["train/loss"]) for row in rows(tmp_path, "metrics-1.csv")]
    assert kept == first and [row["step"] for row in rows(tmp_path, "metrics-2.csv")] == ["2"]


def test_the_file_is_whole_at_every_moment(tmp_path, monkeypatch):
    write(tmp_path, [0, 1, 2, 3])
    path, before = tmp_path / "metrics.csv", (tmp_path / "metrics.csv").read_text()

    @contextmanager
    def killed(*_):
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("esc50.training.curves.atomic_write", killed)
        write(tmp_path, [2])
    assert path.read_text() == before
    table = CurveTable(tmp_path)
    table.log_metrics({"train/loss": 1.0}, 4)
    before = path.read_text()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("esc50.training.curves.atomic_write", killed)
        table.log_metrics({"another": 1.0}, 5)
    assert path.read_text() == before


def cut_off(_, trainer, *__):
    if trainer.current_epoch == 1:
        raise RuntimeError("cut off")


def test_a_run_has_each_step_once_whatever_became_of_it(config, tmp_path, monkeypatch):
    def curves(name):
        keys = ("step", "epoch", "train/loss", "val/loss", "test/acc")
        return [[row.get(key, "") for key in keys] for row in rows(tmp_path / name)]

    cfg = config("logger=csv", "trainer.log_every_n_steps=1", "trainer.max_epochs=3")
    run_fold(cfg, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="cut off"):
        patch.setattr(History, "on_train_batch_end", cut_off)
        run_fold(cfg, tmp_path / "run")
    assert 0 < len(curves("run")) < len(curves("whole"))
    for _ in range(2):  # it goes on, and is then found done
        run_fold(cfg, tmp_path / "run")
        assert curves("run") == curves("whole")
    cfg.rerun = True
    run_fold(cfg, tmp_path / "run")
    assert curves("run") == curves("run/previous-1") == curves("whole")

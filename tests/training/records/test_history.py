import csv

import torch

from esc50.training.fold import run_fold
from esc50.training.records.history import write_history


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_epoch_of_a_run_is_a_row(tiny_run):
    rows = read(tiny_run / "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0])[:5] == ["epoch", "train/loss", "train/acc", "val/loss", "val/acc"]
    assert {row["learning_rate"] for row in rows} == {"0.001"}
    assert all(float(row["clips_per_second"]) > 0 for row in rows)


def test_the_tested_epochs_row_is_what_its_checkpoint_says(tiny_run):
    checkpoint = torch.load(tiny_run / "checkpoints" / "best.ckpt", weights_only=True)
    row = read(tiny_run / "history.csv")[checkpoint["epoch"]]
    for key, value in checkpoint["esc50"]["metrics"].items():
        if key.startswith("val/"):
            assert float(row[key]) == value


def test_an_epoch_without_validation_has_none_and_the_tested_one_its_own_metrics(
    config, tmp_path, capsys
):
    rarely = ["trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2", "scheduler=plateau"]
    results = run_fold(config(*rarely, "trainer.enable_progress_bar=true"), tmp_path / "run")
    rows = read(tmp_path / "run" / "history.csv")
    assert [bool(row["val/loss"]) for row in rows] == [False, True, False]
    for key in ("train/loss", "train/acc", "val/loss", "val/acc"):
        assert results[key] == float(rows[1][key])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert ["val/loss" in line for line in lines] == [False, True, False]


def test_an_epoch_chosen_before_its_end_has_its_own_training_metrics(config, tmp_path):
    often = ["trainer.max_epochs=1", "+trainer.val_check_interval=0.5"]
    results = run_fold(config(*often), tmp_path / "run")
    assert results["train/loss"] > 0 and results["train/acc"] >= 0


def test_what_an_epoch_lacks_stays_empty(tmp_path):
    write_history(tmp_path / "history.csv", [{"epoch": 1, "val/loss": 2.5}, {"epoch": 2}])
    assert (tmp_path / "history.csv").read_text() == "epoch,val/loss\n1,2.5\n2,\n"

import csv

import torch

from esc50.training.history import write_history


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


def test_what_an_epoch_lacks_stays_empty(tmp_path):
    write_history(tmp_path / "history.csv", [{"epoch": 1, "val/loss": 2.5}, {"epoch": 2}])
    assert (tmp_path / "history.csv").read_text() == "epoch,val/loss\n1,2.5\n2,\n"

import csv

from esc50.training.curves import CurveTable


def write(folder, steps, **more):
    table = CurveTable(folder, name="", version="", flush_logs_every_n_steps=1)
    for step in steps:
        table.log_metrics({"train/loss": 2.0 - step / 10, **more}, step)
    return [(row["step"], row["train/loss"]) for row in rows(folder)]


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
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


def test_a_run_that_starts_anew_keeps_none(tmp_path):
    write(tmp_path, [0, 1, 2])
    assert write(tmp_path, [0]) == [("0", "2.0")]

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss

from esc50.config.hardware import resolve_precision
from esc50.errors import UserError, exit_on_error
from esc50.results.display.console import print_fold
from esc50.results.ledger import read
from esc50.training.fold import run_fold
from tests.conftest import REPOSITORY
from tests.training.weights import same_weights, weights

CONTRACT = (
    "experiment protocol leaky fold seed n_classes n_train n_train_clips n_val n_test epochs "
    "train/acc val/acc test/acc test/loss test/f1_macro test/acc_category5 seconds_fit git_commit "
    "torch signature synthetic audit"
).split()


def test_a_run_leaves_what_the_contract_says(config, tmp_path):
    cfg = config("+experiment=augmented", "trainer.max_epochs=5")
    results = run_fold(cfg, tmp_path / "run")
    on_disk = json.loads((tmp_path / "run" / "results.json").read_text())
    assert on_disk == results
    assert not set(CONTRACT) - set(on_disk)
    assert on_disk["protocol"] == "official" and on_disk["leaky"] is False
    assert (on_disk["n_train_clips"], on_disk["n_val"], on_disk["n_test"]) == (30, 10, 10)
    assert 60 <= on_disk["n_train"] <= 180  # 1 to 5 copies beside each clip
    assert on_disk["test/acc_category5"] is None  # not ESC-50's classes
    assert on_disk["test/acc"] >= 0.6  # chance is 0.2, and the tones are far apart
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    ledger = read(tmp_path / "outputs" / "results.csv")
    assert len(ledger) == 1 and ledger[0]["test/acc"] == pytest.approx(results["test/acc"])


def test_predictions_agree_with_results(tiny_run):
    results = json.loads((tiny_run / "results.json").read_text())
    with (tiny_run / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [f"tone{i}" for i in range(5)]
    assert list(rows[0]) == ["clip", "fold", "target", "prediction", *classes]
    assert len(rows) == 10 and {row["fold"] for row in rows} == {"1"}
    target = [int(row["target"]) for row in rows]
    guess = [int(row["prediction"]) for row in rows]
    probability = np.array([[float(row[name]) for name in classes] for row in rows])
    assert results["test/acc"] == pytest.approx(accuracy_score(target, guess))
    f1 = f1_score(target, guess, labels=range(5), average="macro", zero_division=0)
    assert results["test/f1_macro"] == pytest.approx(f1)
    assert results["test/loss"] == pytest.approx(
        log_loss(target, probability, labels=range(5)), rel=1e-4
    )


@pytest.mark.slow
def test_a_checkpoint_suffices_to_predict(config, tmp_path):
    run_fold(config(), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    own = torch.load(path, weights_only=True)["esc50"]
    assert own["classes"] == [f"tone{i}" for i in range(5)]
    assert own["features"]["n_mels"] == 32
    assert own["config"]["optimizer"]["lr"] == 1e-3
    assert set(own["metrics"]) >= {"train/acc", "val/acc", "val/loss"}


def test_same_config_same_weights_and_other_seed_others(config, tmp_path):
    cfg = config("+experiment=augmented", "trainer.max_epochs=1")
    for name in ("one", "two"):
        run_fold(cfg, tmp_path / name)
    run_fold(config("+experiment=augmented", "trainer.max_epochs=1", "seed=43"), tmp_path / "three")
    assert same_weights(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert not same_weights(weights(tmp_path / "one"), weights(tmp_path / "three"))


@pytest.mark.parametrize(
    "extra",
    [
        ["+experiment=augmented", "scheduler=cosine", "callbacks=averaged", "model=resnet18_2x4"],
        pytest.param(
            ["augment=online", "augment.mix_until=0.5", "scheduler=onecycle"],
            marks=pytest.mark.slow,
        ),
        pytest.param(["scheduler=plateau", "scheduler.patience=0"], marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_in_mid_epoch_ends_where_an_unbroken_one_does(
    config, tiny_overrides, tmp_path, extra
):
    settings = ["trainer.max_epochs=4", "callbacks.early_stopping=null", "model.width=32", *extra]
    run_fold(config(*settings), tmp_path / "unbroken")
    broken = tmp_path / "broken"
    command = [sys.executable, str(REPOSITORY / "train.py"), *tiny_overrides, *settings]
    command += [f"hydra.run.dir={broken}", f"output_dir={tmp_path / 'outputs'}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = broken / "checkpoints" / "last.ckpt"
    while not last.exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (broken / "results.json").exists(), "it finished before it was killed"
    shutil.rmtree(broken / ".hydra", ignore_errors=True)
    callbacks = torch.load(last, weights_only=True)["callbacks"]
    before = callbacks["Timer"]["time_elapsed"]["train"]
    began = time.monotonic()
    results = run_fold(config(*settings, "ckpt_path=last"), broken)
    assert before < results["seconds_fit"] < before + time.monotonic() - began
    assert results["epochs"] == 4
    assert same_weights(weights(broken), weights(tmp_path / "unbroken"))
    assert same_weights(weights(broken, "best"), weights(tmp_path / "unbroken", "best"))
    assert history(broken) == history(tmp_path / "unbroken")


def history(folder):
    """What a run measured in each epoch, but for its speed."""
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    return [{key: row[key] for key in row if key != "clips_per_second"} for row in rows]


def test_a_finished_run_is_found_and_rerun_keeps_the_old_one(config, tmp_path):
    first = run_fold(config(), tmp_path / "run")
    assert (
        run_fold(config("data.workers=1", "trainer.log_every_n_steps=7"), tmp_path / "run") == first
    )
    again = run_fold(config("rerun=true"), tmp_path / "run")
    assert again["test/loss"] == first["test/loss"]
    kept = json.loads((tmp_path / "run" / "previous-1" / "results.json").read_text())
    assert kept == first
    assert len(read(tmp_path / "outputs" / "results.csv")) == 2


def test_a_run_ends_in_its_report(config, tmp_path, capsys):
    cfg = config("trainer.max_epochs=1", "report=true")
    results = run_fold(cfg, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"{results['test/acc']:.2%}" in page and "the report is" in capsys.readouterr().out
    (tmp_path / "run" / "report.html").unlink()
    assert run_fold(cfg, tmp_path / "run") == results  # found done, and what is missing is made
    assert (tmp_path / "run" / "report.html").is_file()


def test_literature_chooses_nothing(config, tmp_path):
    results = run_fold(config("split=literature"), tmp_path / "run")
    assert results["val/acc"] is None and results["n_val"] == 0 and results["n_train_clips"] == 40
    assert results["epochs"] == 2
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_a_last_batch_of_one_clip_joins_the_one_before_at_any_size_of_picture(config, tmp_path):
    settings = ["trainer.max_epochs=1", "features.height=16", "features.width=16"]
    results = run_fold(config(*settings, "batch_size=29"), tmp_path / "run")
    assert results["n_train"] % 29 == 1
    whole = run_fold(config(*settings, "batch_size=30"), tmp_path / "whole")  # the same batch
    assert whole["test/loss"] == results["test/loss"]
    with pytest.raises(UserError, match=r"a training batch holds one clip.*batch_size=2"):
        run_fold(config(*settings, "batch_size=1"), tmp_path / "single")


def test_results_hold_what_is_printed_of_the_test(tiny_run, capsys):
    results = json.loads((tiny_run / "results.json").read_text())
    print_fold(results, tiny_run)
    said = capsys.readouterr().out
    low, high = results["test/acc_ci95_low"], results["test/acc_ci95_high"]
    assert low < results["test/acc"] <= high
    assert f"{low:.4f} to {high:.4f}, 10 clips of {results['n_test_recordings']} rec" in said
    assert f"{results['test/acc_chance']:.4f}, by always" in said


def test_the_published_protocol_leaks_and_says_so(config, tmp_path):
    results = run_fold(config("+experiment=published", "trainer.max_epochs=1"), tmp_path / "run")
    assert results["protocol"] == "published" and results["leaky"] is True
    assert "LEAKY" in results["audit"]
    assert results["n_test"] == 8  # 15% of 50, from the stale draw
    own = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)["esc50"]
    assert own["leaky"] is True


PRECISIONS = [
    "32-true",
    *({resolve_precision({"accelerator": "cpu", "precision": "auto"})} - {"32-true"}),
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_each_precision_of_this_machine_learns_and_is_recorded(config, tmp_path, precision):
    settings = [f"trainer.precision={precision}", "trainer.max_epochs=5"]
    results = run_fold(config(*settings), tmp_path / "run")
    assert results["test/acc"] >= 0.6  # chance is 0.2
    (row,) = read(tmp_path / "outputs" / "results.csv")
    for recorded in (results, row):
        assert recorded["precision"] == precision
        assert recorded["threads"] == torch.get_num_threads() and recorded["processor"]
        assert recorded["device"] == "cpu"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_a_run_that_is_told_to_stop_says_where_it_goes_on(config, tmp_path, capsys, number, code):
    cfg, run = config("trainer.max_epochs=2000", "callbacks.early_stopping=null"), tmp_path / "run"
    last = run / "checkpoints" / "last.ckpt"

    def tell():
        while not last.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=tell, daemon=True).start()
    with pytest.raises(SystemExit) as end, exit_on_error():
        run_fold(cfg, run)
    assert end.value.code == code
    name, said = signal.Signals(number).name, capsys.readouterr().err
    assert said.endswith(f"stopped by {name}: the same command goes on from {last}\n")
    assert "Traceback" not in said and not list(run.rglob("*.part*"))
    assert not (run / "results.json").exists()


def test_what_a_killed_run_was_writing_is_gone_when_it_is_opened_again(config, tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    left = tmp_path / "run" / "checkpoints" / "best.ckpt.part123"
    left.write_bytes(b"half")
    with pytest.raises(UserError, match="is not a fold"):
        run_fold(config("split.fold=7"), tmp_path / "run")
    assert not left.exists()

"""Runs of two processes on this machine's cores, against the same run in one."""

import contextlib
import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from esc50.errors import UserError
from esc50.results.ledger import read
from esc50.training.experiment import run
from esc50.training.process.distributed import resolve_world_size, run_on_processes
from esc50.training.process.run_worker import last_lines, start_worker, wait_for_result
from esc50.training.pruning import TrialPruned
from tests.conftest import REPOSITORY
from tests.training.weights import weights

# Double precision: rounding apart, which chaos would amplify, the two are to be the same.
EXACT = ["trainer.precision=64-true", "optimizer=sgd", "optimizer.lr=1e-3"]


def results(folder):
    return json.loads((folder / "results.json").read_text())


def predictions(folder):
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ranks(pid):
    """The processes of the run that one launched, rank 0 first."""
    with contextlib.suppress(FileNotFoundError):
        return [rank for child in children(pid) for rank in children(child)]
    return []


def with_mark(mark):
    """All processes that live and have this in their environment, inherited."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if mark.encode() in path.read_bytes() else []
    return found


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def compare(one, two):
    """Two run folders hold the same, rounding apart."""
    alone, together = results(one), results(two)
    measured = [key for key in alone if "/" in key and alone[key] is not None]
    assert {key: together[key] for key in measured} == pytest.approx(
        {key: alone[key] for key in measured}, rel=1e-5
    )
    assert alone["epochs"] == together["epochs"] and alone["n_test"] == together["n_test"]
    for name in ("last", "best"):
        if not alone["n_val"] and name == "best":
            continue  # nothing was chosen
        expected, got = weights(one, name), weights(two, name)
        assert list(expected) == list(got)
        for key, value in expected.items():
            torch.testing.assert_close(got[key], value, rtol=1e-8, atol=1e-8)
    for mine, theirs in zip(predictions(one), predictions(two), strict=True):
        assert [mine[key] for key in ("clip", "fold", "target", "prediction")] == [
            theirs[key] for key in ("clip", "fold", "target", "prediction")
        ]


def test_two_processes_do_what_one_does(config, tmp_path, capsys):
    # A batch of 9 is dealt out unevenly; of 10 clips to test, the last is a batch by itself.
    settings = ["+experiment=augmented", "batch_size=9", "trainer.limit_train_batches=3", *EXACT]
    alone = run(config(*settings, f"output_dir={tmp_path / 'alone'}"), tmp_path / "one")
    cfg = config(*settings, "trainer=ddp_cpu")
    together = run(cfg, tmp_path / "two")
    assert together == pytest.approx(alone, rel=1e-5)
    compare(tmp_path / "one", tmp_path / "two")
    assert len(predictions(tmp_path / "two")) == results(tmp_path / "two")["n_test"] == 10
    assert len(read(tmp_path / "outputs" / "results.csv")) == 1
    alike, entries = (
        {path.name for path in (tmp_path / name).iterdir() if not path.name.startswith("events")}
        for name in ("one", "two")
    )
    assert entries == alike | {"rank1.log"}
    capsys.readouterr()
    assert run(cfg, tmp_path / "two") == together
    assert "is already done" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra",
    [
        ["scheduler=plateau", "scheduler.patience=0", "trainer.devices=3"],
        ["split=literature", "trainer.accumulate_grad_batches=2", "trainer.devices=4"],
        ["callbacks=averaged", "callbacks.average.decay=0.8", "trainer.devices=2"],
        ["batch_size=29", "trainer.devices=2"],
    ],
)
def test_several_processes_do_what_one_does(config, tmp_path, extra):
    settings = ["batch_size=13", *EXACT, *extra]
    alone = [setting for setting in settings if "devices" not in setting]
    # Of 30 items, and 40 of literature, 4 and 1 are left: one alone joins the batch before it.
    run(config(*alone, f"output_dir={tmp_path / 'alone'}"), tmp_path / "one")
    run(config(*settings, "trainer=ddp_cpu"), tmp_path / "two")
    compare(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_two_processes_mix_as_one_does(config, tmp_path):
    # In single precision, as the augmentation is: few and small steps keep chaos away.
    settings = ["augment=online", "augment.mix_prob=0.8", "batch_size=15", "trainer.max_epochs=1"]
    settings += ["optimizer=sgd", "optimizer.lr=1e-5", "scheduler=onecycle"]
    settings += ["trainer.precision=32-true"]
    run(config(*settings, f"output_dir={tmp_path / 'alone'}"), tmp_path / "one")
    run(config(*settings, "trainer=ddp_cpu"), tmp_path / "two")
    for key in ("train/loss", "val/loss", "test/loss", "train/acc", "test/acc"):
        assert results(tmp_path / "two")[key] == pytest.approx(results(tmp_path / "one")[key], 1e-4)


@pytest.mark.slow
def test_a_process_lost_at_the_start_ends_the_run_with_a_sentence(config, tmp_path):
    folder, log = tmp_path / "run", tmp_path / "console.log"
    process = start_worker(config("trainer=ddp_cpu"), folder, log, {"MARK": str(tmp_path)})
    wait_for(lambda: len(ranks(process.pid)) == 2)
    os.kill(ranks(process.pid)[1], signal.SIGKILL)
    failed = wait_for_result(process, log)["failed"]
    assert failed.startswith("rank 1 of 2 of this run's processes ended: its process was killed")
    wait_for(lambda: not with_mark(str(tmp_path)), 20)


@pytest.fixture
def long_run(tiny_overrides, tmp_path):
    """A long run of two processes, started as a user does, that has trained for an epoch."""
    long = ["trainer=ddp_cpu", "trainer.max_epochs=500", "callbacks.early_stopping=null"]
    folder = tmp_path / "run"
    there = [f"output_dir={tmp_path}", f"hydra.run.dir={folder}"]
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "train.py"), *tiny_overrides, *long, *there],
        env={**os.environ, "MARK": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, folder
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_told_to_stop_ends_all_its_processes(long_run, tmp_path, number):
    process, folder = long_run
    wait_for((folder / "checkpoints" / "last.ckpt").exists)
    assert len(ranks(process.pid)) == 2
    process.send_signal(number)
    assert process.wait(timeout=10) == 128 + number
    wait_for(lambda: not with_mark(str(tmp_path)), 20)
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_told_to_stop_while_it_starts_does_so(long_run, tmp_path, number):
    process, _ = long_run
    wait_for(lambda: len(children(process.pid)) == 2)  # that imports, and that counts semaphores
    time.sleep(1)
    process.send_signal(number)
    assert process.wait(timeout=10) == 128 + number
    wait_for(lambda: not with_mark(str(tmp_path)), 20)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["launcher", 0, 1])
def test_a_killed_run_ends_where_an_unbroken_one_does(config, tmp_path, capsys, victim):
    settings = ["trainer=ddp_cpu", "trainer.max_epochs=12", "callbacks.early_stopping=null"]
    cfg = config(*settings, "augment=online")
    run(cfg, tmp_path / "unbroken")
    broken, log = tmp_path / "broken", tmp_path / "console.log"
    process = start_worker(cfg, broken, log, {"MARK": str(tmp_path)})
    wait_for((broken / "checkpoints" / "last.ckpt").exists)
    os.kill(process.pid if victim == "launcher" else ranks(process.pid)[victim], signal.SIGKILL)
    failed = wait_for_result(process, log)["failed"]
    if victim != "launcher":
        assert failed.startswith(f"rank {victim} of 2 of this run's processes ended: its process")
        assert "killed by SIGKILL" in failed and last_lines(log, 1) == [f"error: {failed}"]
    wait_for(lambda: not with_mark(str(tmp_path)), 20)
    assert not (broken / "results.json").exists(), "it finished before it was killed"
    capsys.readouterr()
    run(cfg, broken)
    assert "going on from" in capsys.readouterr().out
    assert results(broken)["epochs"] == 12
    for name in ("last", "best"):
        expected, got = weights(tmp_path / "unbroken", name), weights(broken, name)
        assert all(torch.equal(got[key], value) for key, value in expected.items())


def raise_in_rank_1(error):
    """What the test below has two processes do."""
    if os.environ["RANK"] == "1":
        raise error
    time.sleep(600)


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (UserError("this is invalid: do that"), UserError, "^this is invalid: do that$"),
        pytest.param(TrialPruned("pruned"), TrialPruned, "^pruned$", marks=pytest.mark.slow),
        pytest.param(
            KeyError("key"),
            UserError,
            "rank 1 of 2 .* ended: KeyError: 'key' .*rank1.log",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_one_process_raises_is_raised(tmp_path, error, raised, words):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(raised, match=words):
        run_on_processes(2, tmp_path, raise_in_rank_1, error)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert ("Traceback" in (tmp_path / "rank1.log").read_text()) == isinstance(error, KeyError)
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_five_folds_of_two_processes_each(config, tmp_path):
    settings = ["split.fold=all", "trainer=ddp_cpu", "trainer.max_epochs=1"]
    cfg = config(*settings, "trainer.limit_train_batches=1")
    metric = run(cfg, tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["complete"] and len(summary["test/acc_folds"]) == 5
    tested = [
        row["clip"] for k in range(1, 6) for row in predictions(tmp_path / "run" / f"fold{k}")
    ]
    assert len(tested) == len(set(tested)) == 50
    ledger = tmp_path / "outputs" / "results.csv"
    assert [row["fold"] for row in read(ledger)] == [1, 2, 3, 4, 5]
    again = config(*settings, "trainer.limit_train_batches=1", "rerun=true")
    assert run(again, tmp_path / "run") == metric
    assert len(read(ledger)) == 10


def test_gpus_that_are_not_there_are_refused():
    trainer = {"accelerator": "gpu", "devices": "auto", "strategy": "ddp"}
    there = torch.cuda.device_count()
    if not there:
        with pytest.raises(UserError, match="needs GPUs and none is visible"):
            resolve_world_size(trainer, 64)
    else:
        assert (
            resolve_world_size(trainer, 64) == min(there, 64)
            and resolve_world_size(trainer, 1) == 1
        )
        with pytest.raises(UserError, match=f"{there} GPUs are visible"):
            resolve_world_size(trainer | {"devices": there + 1}, 64)
    assert resolve_world_size({"accelerator": "auto", "devices": 1}, 64) == 1


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer.devices=2"], "trainer=ddp_cpu"),
        (["trainer=ddp_cpu", "trainer.devices=auto"], "counts GPUs"),
        (["trainer=ddp_cpu", "trainer.devices=9", "batch_size=8"], "more than batch_size=8"),
        (["trainer=ddp", "trainer.devices=-1"], "a whole number of at least 1, or auto"),
    ],
)
def test_devices_that_cannot_work_are_refused(tmp_path, overrides, words):
    command = [sys.executable, str(REPOSITORY / "train.py"), *overrides]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_two_processes_without_a_logger_end_too(config, tmp_path):
    settings = ["trainer=ddp_cpu", "trainer.max_epochs=1", "logger.tensorboard=null"]
    run(config(*settings), tmp_path / "run")
    assert len(predictions(tmp_path / "run")) == 10

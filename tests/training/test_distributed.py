"""Runs of two processes on this machine's cores, against the same run in one."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from esc50.errors import UserError
from esc50.results.ledger import read
from esc50.training.distributed import resolve_world_size
from esc50.training.experiment import run
from esc50.training.processes import outcome, start
from tests.conftest import REPOSITORY

# Double precision: rounding apart, which chaos would amplify, the two are to be the same.
EXACT = ["trainer.precision=64-true", "optimizer=sgd", "optimizer.lr=1e-3"]


def weights(folder, name="last"):
    path = folder / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True, map_location="cpu")["state_dict"]


def results(folder):
    return json.loads((folder / "results.json").read_text())


def predictions(folder):
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def followers(pid):
    """The processes that help one with its run."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    called = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in called.items() if b"esc50.training.processes" in command]


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
    assert "LOCAL_RANK" not in os.environ and not torch.distributed.is_initialized()
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
    ],
)
def test_several_processes_do_what_one_does(config, tmp_path, extra):
    settings = ["batch_size=13", *EXACT, *extra]
    alone = [setting for setting in settings if "devices" not in setting]
    # Of 30 items, and 40 of literature, 4 and 1 are left: as many as processes, and fewer.
    n = "trainer.limit_train_batches=3" if "split=literature" in extra else "seed=42"
    run(config(*alone, n, f"output_dir={tmp_path / 'alone'}"), tmp_path / "one")
    run(config(*settings, n, "trainer=ddp_cpu"), tmp_path / "two")
    compare(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_two_processes_mix_as_one_does(config, tmp_path):
    # In single precision, as the augmentation is: few and small steps keep chaos away.
    settings = ["augment=online", "augment.mix_prob=0.8", "batch_size=15", "trainer.max_epochs=1"]
    settings += ["optimizer=sgd", "optimizer.lr=1e-5", "scheduler=onecycle"]
    run(config(*settings, f"output_dir={tmp_path / 'alone'}"), tmp_path / "one")
    run(config(*settings, "trainer=ddp_cpu"), tmp_path / "two")
    for key in ("train/loss", "val/loss", "test/loss", "train/acc", "test/acc"):
        assert results(tmp_path / "two")[key] == pytest.approx(results(tmp_path / "one")[key], 1e-4)


@pytest.mark.parametrize("training", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_lost_process_ends_the_run_with_a_sentence(config, tmp_path, training):
    cfg = config("trainer=ddp_cpu", "trainer.max_epochs=500", "callbacks.early_stopping=null")
    folder, log = tmp_path / "run", tmp_path / "console.log"
    process = start(cfg, folder, log, {})
    wait_for((folder / ("checkpoints/last.ckpt" if training else "rank1.log")).exists)
    wait_for(lambda: followers(process.pid))
    os.kill(followers(process.pid)[0], signal.SIGKILL)
    failed = outcome(process, log)["failed"]
    assert failed.startswith("rank 1 of 2 of this run's processes ended: its process was killed")
    assert not (folder / "results.json").exists()


@pytest.mark.slow
def test_a_leader_that_waits_in_vain_ends_itself(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "config.yaml").write_text(
        OmegaConf.to_yaml(config("trainer=ddp_cpu"), resolve=True)
    )
    script = """
import time
from pathlib import Path
from omegaconf import OmegaConf
from esc50.training import distributed as ranks

def stuck(*_):
    print("stuck", flush=True)
    time.sleep(600)

ranks._join, ranks.GRACE = stuck, 1.0
with ranks.together(OmegaConf.load("config.yaml"), Path("run"), None):
    pass
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    leader = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, **pipes)
    assert leader.stdout.readline() == "stuck\n"
    os.kill(followers(leader.pid)[0], signal.SIGKILL)
    said = leader.stderr.read()
    assert leader.wait(timeout=60) == 1
    assert "error: rank 1 of 2 of this run's processes ended" in said


@pytest.mark.slow
def test_a_killed_run_ends_where_an_unbroken_one_does(config, tmp_path, capsys):
    settings = ["trainer=ddp_cpu", "trainer.max_epochs=6", "callbacks.early_stopping=null"]
    cfg = config(*settings, "augment=online")
    run(cfg, tmp_path / "unbroken")
    broken = tmp_path / "broken"
    process = start(cfg, broken, tmp_path / "console.log", {})
    wait_for((broken / "checkpoints" / "last.ckpt").exists)
    time.sleep(0.05)
    (follower,) = followers(process.pid)
    process.kill()  # the follower ends with it
    process.wait()
    wait_for(lambda: not Path(f"/proc/{follower}/cmdline").exists())
    assert not (broken / "results.json").exists(), "it finished before it was killed"
    capsys.readouterr()
    run(cfg, broken)
    assert "going on from" in capsys.readouterr().out
    assert results(broken)["epochs"] == 6
    for name in ("last", "best"):
        expected, got = weights(tmp_path / "unbroken", name), weights(broken, name)
        assert all(torch.equal(got[key], value) for key, value in expected.items())


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
        (["trainer=ddp", "trainer.devices=-1"], "auto or a whole number"),
    ],
)
def test_devices_that_cannot_work_are_refused(tmp_path, overrides, words):
    command = [sys.executable, str(REPOSITORY / "train.py"), *overrides]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1

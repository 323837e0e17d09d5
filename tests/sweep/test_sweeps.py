"""Multiruns as a user types them: grid, search, launchers, failures. Nearly all are slow."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import yaml

from esc50.sweep.jobs import quoted
from tests.conftest import REPOSITORY


def command(*arguments):
    return [sys.executable, str(REPOSITORY / "train.py"), "-m", *map(str, arguments)]


def sweep(*arguments, cwd, env=None):
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=900,
    )


def notes(folder):
    """What the jobs of all sweeps below a folder noted."""
    return [json.loads(path.read_text()) for path in folder.glob("outputs/sweeps/*/jobs/*.json")]


def ledger(folder):
    with (folder / "outputs" / "results.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def short(tiny_overrides):
    """Settings of a run of one epoch without pictures."""
    return [*tiny_overrides, "trainer.max_epochs=1", "callbacks.images=null"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["+sweep=optuna", "monitor=test/acc"], ["monitor=test/acc", "val/"]),
        (["+sweep=optuna", "split=literature"], ["split=literature", "no validation"]),
        (["hydra/sweeper=optuna"], ["no settings to vary"]),
    ],
)
def test_a_search_without_a_fair_objective_is_refused(arguments, words, short, tmp_path):
    pytest.importorskip("optuna", reason="searches need the extra `sweep`")
    done = sweep(*short, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not list(tmp_path.glob("outputs/*/seed*"))


def test_a_missing_launcher_is_named(short, tmp_path):
    hidden = "import sys; sys.modules['hydra_plugins.hydra_joblib_launcher'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    arguments = [*short, "seed=1,2", "hydra/launcher=joblib"]
    done = sweep(*arguments, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "hydra/launcher=joblib needs a plugin" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_search_killed_and_continued_ends_with_all_its_trials(short, tmp_path):
    pytest.importorskip("optuna", reason="searches need the extra `sweep`")
    arguments = [*short, "+sweep=optuna", "hydra.sweeper.n_trials=6"]
    process = subprocess.Popen(command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "#3 :" in line:
            break
    time.sleep(1)
    process.kill()
    process.wait()
    done = sweep(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sweep continued: " in done.stdout
    (trials,) = tmp_path.glob("outputs/studies/*/trials.csv")
    with trials.open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["state"] for row in rows)["finished"] == 6
    settings = [(row["lr"], row["head_width"]) for row in rows if row["state"] == "finished"]
    assert len(set(settings)) == 6
    assert len(ledger(tmp_path)) == 6


@pytest.mark.slow
def test_a_job_that_is_killed_is_named_and_the_others_go_on(short, tmp_path):
    process = subprocess.Popen(
        command(*short, "trainer.max_epochs=60", "callbacks.early_stopping=null", "seed=1,2"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = None
    while not log and process.poll() is None:
        log = list(tmp_path.glob("outputs/*/seed1/fold1/checkpoints/last.ckpt"))
        time.sleep(0.1)
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
    ).stdout.split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "job 0 failed: its process was killed by SIGKILL" in err
    assert "seed=1" in err and "Traceback" not in err
    assert "2 of 2 done, 0 running, 1 failed" in out
    assert [row["seed"] for row in ledger(tmp_path)] == ["2"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "ray"])
def test_jobs_side_by_side_each_have_their_own_gpu(launcher, short, tmp_path):
    pytest.importorskip(f"hydra_plugins.hydra_{launcher}_launcher", reason="needs its extra")
    settings = {
        "joblib": ["hydra.launcher.n_jobs=2", "trainer.accelerator=auto"],
        "ray": [
            "hydra.launcher.ray.init.num_gpus=2",
            "hydra.launcher.ray.init.num_cpus=4",
            "hydra.launcher.ray.remote.num_gpus=1",
        ],
    }[launcher]
    done = sweep(
        *short,
        f"hydra/launcher={launcher}",
        *settings,
        "seed=1,2,3,4",
        cwd=tmp_path,
        env={"CUDA_VISIBLE_DEVICES": "0,1"} if launcher == "joblib" else {},
    )
    assert done.returncode == 0, done.stderr
    assert "validated against ConfigStore" not in done.stderr
    assert len(ledger(tmp_path)) == 4
    held = [(n["devices"], n["started"], n["ended"]) for n in notes(tmp_path)]
    assert {device for device, _, _ in held} == {"0", "1"}
    if launcher == "ray":  # under joblib a job may begin while it waits for its GPU
        for device, begin, _ in held:
            assert sum(d == device and a <= begin < b for d, a, b in held) == 1


@pytest.mark.slow
def test_folds_as_slurm_jobs(short, tmp_path):
    if not shutil.which("sbatch"):
        pytest.skip("no SLURM here: sbatch is not on the path")
    states = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
    if "idle" not in states.stdout and "mixed" not in states.stdout:
        pytest.skip(f"SLURM has no node to give: {states.stdout or states.stderr}")
    pytest.importorskip("submitit", reason="needs the extra `sweep`")
    slurm = ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1"]
    done = sweep(*short, *slurm, "split.fold=1,2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(ledger(tmp_path)) == 2
    (summary,) = tmp_path.glob("outputs/*/seed42/summary.json")
    assert json.loads(summary.read_text())["complete"]


@pytest.mark.slow
def test_a_sweep_of_any_name_runs_and_its_command_can_be_pasted(short, tmp_path):
    name = "a<b, c=d \"\u00e9\" 'f' $HOME"
    varied = "optimizer.lr=1e-3,1e-2"
    done = sweep(*short, f"name={quoted(name)}", varied, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["experiment"] for row in ledger(tmp_path)} == {name}
    again = next(line for line in done.stdout.splitlines() if line.startswith("  esc50-train "))
    script = again.replace("esc50-train", f"{sys.executable} {REPOSITORY / 'train.py'}")
    shown = subprocess.run(
        ["bash", "-c", f"{script} --cfg job"], cwd=tmp_path, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert yaml.safe_load(shown.stdout)["name"] == name

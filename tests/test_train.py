"""The command line as a user types it."""

import gc
import json
import subprocess
import sys
import time

import pytest
from torchvision.models import ResNet

from esc50.training.experiment import run
from tests.conftest import NARROW, REPOSITORY


def train(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "train.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
def test_a_sweep_killed_after_two_folds_does_only_what_is_missing(tiny_overrides, tmp_path):
    settings = ["-m", *tiny_overrides, "trainer.max_epochs=3", "split.fold=1,2,3,4,5"]
    whole = train(*settings, f"output_dir={tmp_path / 'whole'}", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    broken = [*settings, f"output_dir={tmp_path / 'broken'}"]
    command = [sys.executable, str(REPOSITORY / "train.py"), *broken]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    pattern = "broken/default-*/seed42/fold2/results.json"
    while not list(tmp_path.glob(pattern)) and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not list(tmp_path.glob("broken/*/seed42/summary.json"))
    times = {p: p.stat().st_mtime_ns for p in tmp_path.glob("broken/*/seed42/fold*/results.json")}
    assert 2 <= len(times) < 5
    again = train(*broken, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    logs = tmp_path.glob("broken/*/seed42/fold*/console.log")
    assert sum("is already done" in log.read_text() for log in logs) == len(times)
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())
    summaries = [
        json.loads(next(tmp_path.glob(f"{name}/*/seed42/summary.json")).read_text())
        for name in ("whole", "broken")
    ]
    timing = ("seconds_fit",)
    one, other = ({k: v for k, v in s.items() if k not in timing} for s in summaries)
    assert one == other


@pytest.mark.slow
def test_folds_in_one_process_and_as_jobs_agree(config, tiny_overrides, tmp_path):
    settings = [NARROW, "trainer.max_epochs=1", "callbacks.early_stopping=null"]
    as_jobs = train("-m", *tiny_overrides, *settings, "split.fold=2,4", cwd=tmp_path)
    assert as_jobs.returncode == 0, as_jobs.stderr
    (group,) = tmp_path.glob("outputs/default-*/seed42")
    assert json.loads((group / "summary.json").read_text())["complete"]
    # One process for all folds computes what one process per fold does, to the bit.
    run(config(*settings, "split.fold=all"), tmp_path / "all")
    for fold in (2, 4):
        one = group / f"fold{fold}" / "predictions.csv"
        assert one.read_text() == (tmp_path / "all" / f"fold{fold}" / "predictions.csv").read_text()
    summary = json.loads((tmp_path / "all" / "summary.json").read_text())
    assert summary["complete"] and len(summary["test/acc_folds"]) == 5
    # The last run's network goes before the next one comes.
    networks = [thing for thing in gc.get_objects() if type(thing) is ResNet]
    assert len(networks) <= 1


@pytest.mark.slow
def test_a_job_that_fails_is_named_and_the_others_go_on(tiny_overrides, tiny, tmp_path):
    table = (tiny / "meta" / "esc50.csv").read_text().splitlines()
    (tmp_path / "data" / "meta").mkdir(parents=True)
    (tmp_path / "data" / "audio").symlink_to(tiny / "audio")
    three_folds = [line for line in table if not line.startswith(("4-", "5-"))]
    (tmp_path / "data" / "meta" / "esc50.csv").write_text("\n".join(three_folds) + "\n")
    settings = [*tiny_overrides, f"data.root={tmp_path / 'data'}", "trainer.max_epochs=1"]
    done = train("-m", *settings, "split=literature", "split.fold=1,4", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "sweep: 2 of 2 done, 0 running, 1 failed" in done.stdout
    assert "job 1 failed" in done.stderr and "split.fold=4" in done.stderr
    assert "split.fold=4 is not a fold of" in done.stderr
    text = next(tmp_path.glob("outputs/default-*/seed42/summary.md")).read_text()
    assert "INCOMPLETE" in text and "fold 4" in text
    assert len(list(tmp_path.glob("outputs/default-*/seed42/fold*/results.json"))) == 1


def test_no_data_and_no_network_says_what_to_do(tmp_path):
    settings = [f"data.root={tmp_path / 'none'}", "data.url=http://127.0.0.1:9/esc50.zip"]
    done = train(*settings, cwd=tmp_path)
    assert done.returncode == 1
    assert "data=demo" in done.stderr and "data.root=" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()

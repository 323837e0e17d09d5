import signal
import subprocess
import sys
import time

import pytest
from omegaconf import OmegaConf

from esc50.training.process.run_worker import last_lines, start_worker, wait_for_result

LONG = ["trainer.max_epochs=500", "callbacks.early_stopping=null", "callbacks.images=null"]


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGTERM, "was stopped by SIGTERM"), (signal.SIGKILL, "was killed by SIGKILL")],
)
def test_a_stopped_process_is_said_to_be_one(config, tmp_path, number, words):
    log = tmp_path / "console.log"
    process = start_worker(config(*LONG), tmp_path / "run", log, {})
    wait_for((tmp_path / "run" / "checkpoints" / "last.ckpt").exists)
    process.send_signal(number)
    assert words in wait_for_result(process, log)["failed"]
    assert not (tmp_path / "run" / "results.json").exists()


@pytest.mark.slow
def test_a_user_error_comes_back_as_its_sentence(config, tmp_path):
    log = tmp_path / "console.log"
    process = start_worker(config(f"data.root={tmp_path}"), tmp_path / "run", log, {})
    failed = wait_for_result(process, log)["failed"]
    assert "meta/esc50.csv" in failed
    assert last_lines(log) == [f"error: {failed}"]


@pytest.mark.slow
def test_a_process_ends_with_the_one_that_started_it(config, tmp_path):
    cfg, log = tmp_path / "config.yaml", tmp_path / "console.log"
    cfg.write_text(OmegaConf.to_yaml(config(*LONG), resolve=True))
    parent = (
        "import time; from pathlib import Path; from omegaconf import OmegaConf\n"
        "from esc50.training.process.run_worker import start_worker\n"
        f"process = start_worker(OmegaConf.load({str(cfg)!r}), Path({str(tmp_path / 'run')!r}), "
        f"Path({str(log)!r}), {{}})\n"
        "print(process.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", parent]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    wait_for((tmp_path / "run" / "config.yaml").exists)
    starter.kill()
    starter.wait()
    running = ["ps", "-o", "stat=", "-p", str(pid)]

    def gone():
        state = subprocess.run(running, capture_output=True, text=True).stdout.strip()
        return not state or state.startswith("Z")  # where nobody collects orphans

    wait_for(gone)

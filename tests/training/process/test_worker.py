"""A worker as its starter sees it: one line of JSON on stdout, everything else on stderr."""

import json
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from esc50.training.process.run_worker import CONFIG_END


@pytest.fixture
def answer(config, tmp_path):
    """Runs a config in a worker: the answer, and what it printed."""

    def work(*overrides):
        command = [sys.executable, "-m", "esc50.training.process.worker", str(tmp_path / "run")]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, text=True, **pipes) as process:
            text = OmegaConf.to_yaml(config("trainer.max_epochs=1", *overrides), resolve=True)
            process.stdin.write(text + CONFIG_END)
            process.stdin.flush()  # and stays open: its end would be the starter's death
            said = process.stdout.read()
            assert process.wait() == 0
            return json.loads(said), process.stderr.read()

    return work


@pytest.mark.slow
def test_the_metric_is_the_answer_and_all_else_goes_to_the_log(answer, tmp_path):
    said, log = answer("monitor=val/acc")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert said == {"metric": results["val/acc"]}
    assert "official split, fold 1" in log


@pytest.mark.parametrize(
    ("override", "words", "diverged"),
    [
        pytest.param("optimizer.lr=1e30", "training diverged", True, marks=pytest.mark.slow),
        pytest.param("split.fold=7", "split.fold=7", False, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_fails_says_why_and_whether_it_diverged(answer, override, words, diverged):
    said, log = answer(override)
    assert words in said["failed"] and said["diverged"] is diverged
    assert f"error: {said['failed']}" in log and "Traceback" not in log

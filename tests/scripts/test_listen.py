"""`esc50-listen` at the end of a pipe."""

import json
import subprocess
import sys

import numpy as np

from tests.conftest import REPOSITORY


def test_events_are_printed_while_the_pipe_is_still_open(tiny_run):
    command = [sys.executable, REPOSITORY / "scripts" / "listen.py", tiny_run, "--raw", "--json"]
    command += ["--rate", "16000", "--threshold", "0", "--hop", "0.25", "--device", "cpu"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    noise = np.random.default_rng(0).uniform(-3000, 3000, 16000).astype(np.int16)
    with subprocess.Popen(command, cwd=REPOSITORY, text=False, **pipes) as process:
        process.stdin.write(noise.tobytes())
        process.stdin.flush()
        first = json.loads(process.stdout.readline())  # the pipe is open, the sound goes on
        process.stdin.close()
        assert process.wait() == 0
    assert first["start"] == 0 and first["answer"].startswith("tone")
    assert 0 < first["probability"] <= 1

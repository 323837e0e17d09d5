import builtins
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from scripts.serve import main
from tests.conftest import REPOSITORY

pytest.importorskip("fastapi")

CLIENTS, REQUESTS = 16, 1000


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_a_port_that_is_taken_is_a_sentence(tiny_run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        says = refusal(capsys, tiny_run, "--port", port)
    assert f"127.0.0.1:{port} cannot be served on" in says and "--port 0" in says
    assert "cannot be served on" in refusal(capsys, tiny_run, "--port", 99999)


def test_a_checkpoint_that_is_not_one_is_a_sentence(tmp_path, capsys):
    (tmp_path / "a.ckpt").write_text("text")
    says = refusal(capsys, tmp_path / "a.ckpt", "--port", 0)
    assert "a.ckpt is not a checkpoint that this package wrote" in says


def test_without_the_extra_the_command_that_installs_it_is_named(tiny_run, capsys, monkeypatch):
    def no_uvicorn(name, *args, **kwargs):
        if name == "uvicorn":
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_uvicorn)
    assert "needs uvicorn: pip install 'esc50[serve]'" in refusal(capsys, tiny_run)


@contextmanager
def serving(*arguments):
    """Start the command; yields its address and process, and ends it as Ctrl-C does."""
    command = [sys.executable, "scripts/serve.py", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            first = server.stdout.readline()
            match = re.search(r"http://\S+", first)
            assert match, first or server.communicate()[1]
            yield match[0], server
            server.send_signal(signal.SIGINT)
            assert (server.wait(20), server.stderr.read()) == (130, "stopped by SIGINT\n")
        finally:
            server.kill()


def resident_mb(process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
def test_sixteen_clients_lose_nothing_and_memory_stays_flat(tiny_run, tiny):
    """With ESC50_TEST_CHECKPOINT and ESC50_TEST_CLIPS it measures another network."""
    import httpx

    checkpoint = os.environ.get("ESC50_TEST_CHECKPOINT", tiny_run)
    clips = sorted(Path(os.environ.get("ESC50_TEST_CLIPS", tiny / "audio")).iterdir())[:50]
    contents = [(clip.name, clip.read_bytes()) for clip in clips]
    with serving(checkpoint) as (address, process), httpx.Client(timeout=120) as client:

        def one(number: int) -> float:
            name, content = contents[number % len(contents)]
            started = time.perf_counter()
            answer = client.post(f"{address}/predict", files={"file": (name, content)})
            assert answer.status_code == 200 and answer.json()["name"] == name
            return time.perf_counter() - started

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(one, range(400)))
            before, started = resident_mb(process), time.perf_counter()
            seconds = list(clients.map(one, range(REQUESTS)))
            rate = REQUESTS / (time.perf_counter() - started)
        after = resident_mb(process)
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    print(
        f"{REQUESTS} requests of {CLIENTS} clients: none lost, {rate:.1f}/s, p50 {p50:.0f} ms, "
        f"p95 {p95:.0f} ms, {before:.0f} to {after:.0f} MiB, {threads} threads"
    )
    assert after < before + 30
    assert threads < 40

import subprocess
import sys
import time

import pytest

from esc50.config.hardware import visible_gpus
from esc50.sweep.gpu_lease import leased

JOB = """
import sys, time
from esc50.sweep.gpu_lease import leased
with leased(int(sys.argv[1]), int(sys.argv[2])) as env:
    print("has", env["CUDA_VISIBLE_DEVICES"], time.time(), flush=True)
    time.sleep(float(sys.argv[3]))
    print("left", env["CUDA_VISIBLE_DEVICES"], time.time(), flush=True)
"""


@pytest.fixture(autouse=True)
def four_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def start(count=1, jobs_per_gpu=1, seconds=0.5):
    command = [sys.executable, "-c", JOB, str(count), str(jobs_per_gpu), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def intervals(processes):
    """(gpu, from, to) of every lease."""
    held = []
    for process in processes:
        begin, end = (line.split() for line in process.communicate(timeout=60)[0].splitlines())
        held += [(gpu, float(begin[2]), float(end[2])) for gpu in begin[1].split(",")]
    return held


def most_at_once(held):
    return max(sum(g == gpu and a <= begin < b for g, a, b in held) for gpu, begin, _ in held)


@pytest.mark.parametrize(
    ("count", "jobs"),
    [
        (2, 4),
        pytest.param(1, 8, marks=pytest.mark.slow),
        pytest.param(3, 3, marks=pytest.mark.slow),
    ],
)
def test_no_two_jobs_are_on_one_gpu(count, jobs):
    held = intervals([start(count) for _ in range(jobs)])
    assert len(held) == count * jobs
    assert most_at_once(held) == 1
    assert {gpu for gpu, _, _ in held} <= set("0123")


def test_as_many_share_a_gpu_as_asked():
    held = intervals([start(jobs_per_gpu=2, seconds=1.5) for _ in range(8)])
    assert most_at_once(held) == 2
    # Eight places for eight jobs: nobody waited for another to leave.
    assert max(begin for _, begin, _ in held) < min(end for _, _, end in held)


def test_a_killed_job_gives_its_gpus_back():
    process = start(count=4, seconds=60)
    assert process.stdout.readline().startswith("has")
    process.kill()
    process.wait()
    began = time.monotonic()
    with leased(4) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert time.monotonic() - began < 5


def test_more_than_there_are_means_all_and_none_means_none(monkeypatch):
    with leased(10**6) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    for declared in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", declared)
        assert visible_gpus() == []
        with leased(1) as env:
            assert env == {}


def test_a_user_without_a_name_gets_gpus_too(monkeypatch, tmp_path):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # as `docker run --user` gives one
    with leased(1) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "0"}
    assert (tmp_path / f"esc50-gpus-{2**31 - 7}").is_dir()

"""Cache builds that are killed, one after the other and side by side, against unbroken ones."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from esc50.data.cache.entries import entry_fault
from esc50.data.cache.part import LOG
from esc50.data.tables.table import read_table

N_CLIPS = int(os.environ.get("ESC50_TEST_N_CLIPS", "2000"))  # links to those of `tiny`
BUILD = """
import sys, time
from pathlib import Path
from esc50.audio.spec import FeatureSpec
from esc50.data.cache.digests import clip_digests
from esc50.data.features import clip_features
from esc50.data.tables.table import read_table
spec = FeatureSpec(sample_rate=8000, seconds=0.5, n_fft=256, hop_length=64, n_mels=32, frames=64,
                   height=32, width=32)
table, cache = read_table(Path(sys.argv[1])), Path(sys.argv[2])
digests = clip_digests(table.paths, cache)
print("ready", flush=True)
began = time.perf_counter()
clip_features(table, spec, digests, cache, 2)
print(time.perf_counter() - began, flush=True)
"""


@pytest.fixture(scope="module")
def links(tiny, tmp_path_factory):
    """A set of N_CLIPS hard links to the clips of `tiny`, and a few silent ones."""
    root = tmp_path_factory.mktemp("links")
    (root / "audio").mkdir()
    (root / "meta").mkdir()
    table = read_table(tiny)
    soundfile.write(root / "silent.wav", [0.0] * 4000, 8000)
    rows = ["filename,fold,target,category"]
    for number in range(N_CLIPS):
        row = number % len(table)
        source = root / "silent.wav" if number % 100 == 7 else table.paths[row]
        name = f"{table.folds[row]}-{number}-A-{table.labels[row]}.wav"
        os.link(source, root / "audio" / name)
        rows.append(f"{name},{table.folds[row]},{table.labels[row]},tone{table.labels[row]}")
    (root / "meta" / "esc50.csv").write_text("\n".join(rows))
    return root


def start(links, cache):
    command = [sys.executable, "-c", BUILD, str(links), str(cache)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
    return process


def finished(process):
    """Wait for a build to end well; the seconds that it took, and what it said."""
    out, said = process.communicate(timeout=3000)
    assert process.returncode == 0, said
    return float(out.split()[-1]), said


def logged(cache):
    """Rows that the log of the part names."""
    logs = list(cache.glob(f"clips-*.part*/{LOG}"))
    return logs[0].read_bytes().count(b"\n") if logs else 0


def entry(cache):
    (folder,) = (path for path in cache.glob("clips-*") if path.is_dir())
    assert entry_fault(folder) is None
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def unbroken(links, tmp_path_factory):
    cache = tmp_path_factory.mktemp("unbroken")
    seconds, said = finished(start(links, cache))
    print(f"\n{N_CLIPS:,} clips at one go: {seconds:.1f} s")
    assert f"{N_CLIPS // 100} of {N_CLIPS} clips are silent" in said
    return entry(cache)


@pytest.mark.slow
def test_a_build_killed_twice_is_finished_from_the_clips_it_has(links, unbroken, tmp_path):
    for part in (1, 2):
        process, before = start(links, tmp_path), logged(tmp_path)
        assert process.stdout.readline() == "ready\n"
        began, went_on = time.perf_counter(), None
        while logged(tmp_path) < part * N_CLIPS // 3:
            if went_on is None and before < logged(tmp_path):
                went_on = time.perf_counter() - began
            time.sleep(0.005)
        process.kill()
        process.communicate()
        seconds, there = time.perf_counter() - began, logged(tmp_path)
        print(f"killed after {seconds:.1f} s with {there:,} clips; {went_on:.2f} s to its first")
        assert process.returncode == -signal.SIGKILL
    seconds, said = finished(start(links, tmp_path))
    print(f"finished in {seconds:.1f} s: {said.splitlines()[0]}")
    assert there - clips_there(said) <= 1  # a line that was cut off
    assert entry(tmp_path) == unbroken
    assert f"{N_CLIPS // 100} of {N_CLIPS} clips are silent" in said  # of all three builds
    assert "clips are silent" in finished(start(links, tmp_path))[1]  # a hit says so, too


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4, 8])
def test_processes_on_one_entry_of_which_the_building_one_is_killed(links, unbroken, tmp_path, n):
    rng = random.Random(n)
    jobs = [start(links, tmp_path) for _ in range(n)]
    while not (there := logged(tmp_path)) > rng.randrange(N_CLIPS // 2):
        time.sleep(0.005)
    (part,) = tmp_path.glob("clips-*.part*")
    (builder,) = (job for job in jobs if holds(job, part))
    builder.kill()
    builder.communicate()
    others = [finished(job) for job in jobs if job is not builder]
    said = [said for _, said in others if "are there already" in said]
    assert (
        len(said) == 1 and int(said[0].split("features: ")[1].split()[0].replace(",", "")) >= there
    )
    assert entry(tmp_path) == unbroken
    assert sum(path.is_dir() for path in tmp_path.glob("clips-*")) == 1


def clips_there(said):
    return int(said.split("features: ")[1].split(" of ")[0].replace(",", ""))


def holds(process, folder):
    """Whether a process has files of a folder open."""
    links = Path(f"/proc/{process.pid}/fd").iterdir()
    return any(os.path.realpath(link).startswith(f"{folder}/") for link in links)

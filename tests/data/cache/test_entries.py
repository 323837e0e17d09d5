import json
import multiprocessing
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from esc50.data.cache.entries import _checked, entry_key, open_or_build
from esc50.errors import UserError

SHAPES = {"a": ((100, 3, 4), "<f4"), "b": ((100,), "<f2")}
ROWS = np.random.default_rng(0).standard_normal((100, 3, 4)).astype(np.float32)


class Filler:
    """Writes ROWS, counting how often it is asked to."""

    def __init__(self):
        self.calls = 0

    def __call__(self, writer):
        self.calls += 1
        for row in range(0, 100, 10):
            writer.write(row, a=ROWS[row : row + 10], b=np.arange(row, row + 10))


def test_second_opening_reads_what_the_first_wrote(tmp_path):
    fill = Filler()
    for _ in range(2):
        found = open_or_build(tmp_path, "k", SHAPES, fill).arrays
        assert np.array_equal(found["a"], ROWS)
        assert np.array_equal(found["b"], np.arange(100))
    assert fill.calls == 1
    found["a"][:] = 0  # copy-on-write: nothing reaches the disk
    assert np.array_equal(open_or_build(tmp_path, "k", SHAPES, fill).arrays["a"], ROWS)


def flip(path, at=None):
    """Change a byte and leave the time of last change as it was, as a failing disk does."""
    data, times = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    _checked.clear()  # as in another process


def replace(content):
    return lambda path: (path.parent / "entry.json").write_text(content)


def take_the_place(path):
    shutil.rmtree(path.parent)
    path.parent.write_text("a file")


def point_nowhere(path):
    shutil.rmtree(path.parent)
    path.parent.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: flip(path, 12),  # in the header
        *map(replace, ["[]", '"text"', "null", "[" * 10**5, '{"format": 1, "files": []}']),
        replace('{"format": 1, "files": {"a": {"size": 4928, "crc32": null}}}'),
        replace('{"format": 1, "files": {}}'),
        take_the_place,
        point_nowhere,
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.unlink(),
        lambda path: (path.parent / "entry.json").write_text("{"),
        lambda path: (path.parent / "entry.json").unlink(),
        lambda path: (path.parent / "entry.json").write_text(json.dumps({"format": 0})),
    ],
)
def test_a_damaged_entry_is_noticed_said_and_rebuilt(tmp_path, damage, capsys):
    fill = Filler()
    open_or_build(tmp_path, "k", SHAPES, fill)
    damage(tmp_path / "k" / "a.npy")
    assert np.array_equal(open_or_build(tmp_path, "k", SHAPES, fill).arrays["a"], ROWS)
    assert fill.calls == 2
    assert "building it again" in capsys.readouterr().err


def test_an_untouched_copy_of_the_cache_is_believed(tmp_path):
    fill = Filler()
    open_or_build(tmp_path, "k", SHAPES, fill)
    os.utime(tmp_path / "k" / "a.npy", (1, 1))
    open_or_build(tmp_path, "k", SHAPES, fill)
    assert fill.calls == 1


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(writer):
        writer.write(0, a=ROWS[:1], b=np.zeros(1))
        raise UserError("a clip is not audio")

    with pytest.raises(UserError, match="not audio"):
        open_or_build(tmp_path, "k", SHAPES, fail)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def build_slowly(folder, counter):
    def fill(writer):
        with counter.get_lock():
            counter.value += 1
        time.sleep(0.3)
        Filler()(writer)

    assert np.array_equal(open_or_build(folder, "k", SHAPES, fill).arrays["a"], ROWS)


def test_processes_that_want_the_same_entry_build_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    counter = context.Value("i", 0)
    jobs = [context.Process(target=build_slowly, args=(tmp_path, counter)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(30)
    assert [job.exitcode for job in jobs] == [0] * 4
    assert counter.value == 1


def test_a_cache_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"data\.cache_dir"):
        open_or_build(tmp_path / "file", "k", SHAPES, Filler())


def test_key_depends_on_every_part():
    keys = {
        entry_key("clips", n_fft=2048),
        entry_key("clips", n_fft=1024),
        entry_key("x", n_fft=2048),
    }
    assert len(keys) == 3


def test_a_lock_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "k.lock").mkdir()
    with pytest.raises(UserError, match=r"k\.lock, the lock, is a folder: remove it"):
        open_or_build(tmp_path, "k", SHAPES, Filler())


@pytest.mark.parametrize("absolute", [True, False])
def test_a_cache_that_is_removed_while_an_entry_is_built_is_to_be_built_again(
    absolute, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache" if absolute else Path("cache")

    def fill(writer):
        Filler()(writer)
        shutil.rmtree(cache)

    with pytest.raises(UserError, match="was removed while it was built or read: run the same com"):
        open_or_build(cache, "k", SHAPES, fill)


@pytest.mark.parametrize("times", [1, 9])
def test_an_entry_that_is_removed_before_it_is_opened_is_built_again_once(
    tmp_path, monkeypatch, times
):
    removals, load = iter([tmp_path / "k"] * times), np.load

    def lose_and_load(path, **how):
        shutil.rmtree(next(removals, tmp_path / "absent"), ignore_errors=True)
        return load(path, **how)

    fill = Filler()
    open_or_build(tmp_path, "k", SHAPES, fill)
    monkeypatch.setattr(np, "load", lose_and_load)
    if times == 1:
        assert np.array_equal(open_or_build(tmp_path, "k", SHAPES, fill).arrays["a"], ROWS)
    else:
        with pytest.raises(UserError, match="was removed while it was built or read: run the same"):
            open_or_build(tmp_path, "k", SHAPES, fill)
    assert fill.calls == 2

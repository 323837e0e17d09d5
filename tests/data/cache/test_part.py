import json
import multiprocessing
import os
import shutil

import numpy as np
import pytest

from esc50.data.cache.entries import entry_fault, open_or_build
from esc50.data.cache.part import HEADER, LOG, RowWriter

SHAPES = {"a": ((100, 3, 4), "<f4"), "b": ((100,), "<f2")}
ROWS = np.random.default_rng(0).standard_normal((100, 3, 4)).astype(np.float32)


def write(writer, rows):
    for row in rows:
        odd = ["are silent"] if row % 10 == 3 else []
        writer.write(row, odd, a=ROWS[row : row + 1], b=np.array([row]))


@pytest.fixture
def part(tmp_path):
    """A part with rows 0 to 39 and 60 to 79, as a process left it that was killed."""
    with RowWriter(tmp_path / "part", SHAPES, 1) as writer:
        write(writer, [*range(60, 80), *range(40)])
    return tmp_path / "part"


def reopened(part, shapes=SHAPES, format_=1):
    with RowWriter(part, shapes, format_) as writer:
        return writer


def test_what_was_written_is_there_and_what_was_odd(part):
    writer = reopened(part)
    assert writer.missing.tolist() == [*range(40, 60), *range(80, 100)]
    assert sorted(writer.remarks["are silent"]) == [3, 13, 23, 33, 63, 73]


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (lambda part: flip(part / "a.npy", 128 + 48 * 7), [7]),  # as a power cut would
        (lambda part: flip(part / "b.npy", 128 + 2 * 61), [61]),
        (lambda part: flip(part / LOG, 12), [60]),  # in the first line
        (lambda part: os.truncate(part / LOG, (part / LOG).stat().st_size - 5), [39]),
        (lambda part: (part / LOG).open("ab").write(b"00000000 [1"), []),
        (lambda part: (part / LOG).open("ab").write(b"a\x00\n" * 5), []),
        (lambda part: (part / LOG).unlink(), [*range(40), *range(60, 80)]),
    ],
)
def test_what_was_torn_is_missing_and_nothing_else(part, damage, lost):
    whole = set(range(40)) | set(range(60, 80))
    damage(part)
    writer = reopened(part)
    assert np.flatnonzero(writer.written).tolist() == sorted(whole - set(lost))
    with RowWriter(part, SHAPES, 1) as writer:  # goes on behind what was torn
        write(writer, writer.missing.tolist())
    assert not len(reopened(part).missing)
    assert np.array_equal(np.load(part / "a.npy"), ROWS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda part: (part / HEADER).write_text("[]"),
        lambda part: (part / HEADER).unlink(),
        lambda part: os.truncate(part / "a.npy", 200),
        lambda part: flip(part / "b.npy", 12),
        lambda part: (part / "a.npy").unlink(),
        lambda part: (shutil.rmtree(part), part.write_text("a file")),
        lambda part: (shutil.rmtree(part), part.symlink_to(part.parent / "nowhere")),
    ],
)
def test_what_is_no_part_of_this_kind_is_begun_anew(part, damage):
    damage(part)
    assert len(reopened(part).missing) == 100


def test_a_part_of_another_format_or_shape_is_begun_anew(part):
    assert len(reopened(part, format_=2).missing) == 100
    with RowWriter(part, SHAPES, 2) as writer:
        write(writer, range(5))
    assert len(reopened(part, {"a": ((100, 4, 3), "<f4"), "b": SHAPES["b"]}, 2).missing) == 100


def build_and_die(folder, rows, missing):
    """Build an entry, and die after so many rows, with nothing flushed or closed."""

    def fill(writer):
        missing.value = len(writer.missing)
        for row in writer.missing[:rows].tolist():
            write(writer, [row])
        if rows < missing.value:
            os._exit(9)

    open_or_build(folder, "k", SHAPES, fill)


def test_a_build_that_is_killed_twice_goes_on_and_ends_as_one_at_one_go(tmp_path):
    context, found = multiprocessing.get_context("fork"), []
    for rows, code in ((30, 9), (50, 9), (1000, 0)):
        missing = context.Value("i", 0)
        job = context.Process(target=build_and_die, args=(tmp_path / "killed", rows, missing))
        job.start()
        job.join(60)
        assert job.exitcode == code
        found.append(missing.value)
    assert found == [100, 70, 20]
    at_one_go = open_or_build(tmp_path / "cache", "k", SHAPES, lambda w: write(w, range(100)))
    built, expected = ({p.name: p.read_bytes() for p in (tmp_path / c / "k").iterdir()}
                       for c in ("killed", "cache"))  # fmt: skip
    assert built == expected and set(built) == {"a.npy", "b.npy", "remarks.json", "entry.json"}
    assert {p.name for p in (tmp_path / "killed").iterdir()} <= {"k", "k.lock"}
    assert at_one_go.remarks == {"are silent": [*range(3, 100, 10)]}


def test_a_build_that_is_killed_before_its_last_rename_is_not_repeated(tmp_path):
    expected = open_or_build(tmp_path, "k", SHAPES, lambda writer: write(writer, range(100)))
    part = tmp_path / f"k.part-{os.getuid()}"
    (tmp_path / "k").rename(part)
    (part / LOG).write_bytes(b"")

    def fail(writer):
        raise AssertionError("it was all there")

    found = open_or_build(tmp_path, "k", SHAPES, fail)
    assert np.array_equal(found.arrays["a"], expected.arrays["a"])
    assert entry_fault(tmp_path / "k") is None and not (tmp_path / "k" / LOG).exists()


def test_what_stops_a_process_leaves_the_part_and_what_is_wrong_does_not(tmp_path):
    def stop(writer):
        write(writer, range(10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_or_build(tmp_path, "k", SHAPES, stop)
    (part,) = tmp_path.glob("k.part*")
    assert json.loads((part / HEADER).read_text())["format"] == 1
    assert reopened(part).written.sum() == 10

    def forget(writer):
        write(writer, range(50))

    with pytest.raises(RuntimeError, match="50 rows of k are missing"):
        open_or_build(tmp_path, "k", SHAPES, forget)
    assert not list(tmp_path.glob("k.part*"))

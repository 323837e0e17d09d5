import csv
import errno
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from esc50.errors import UserError
from esc50.results import ledger

REPO = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from esc50.results.ledger import append
path, name, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for i in range(rows):
    append(path, {"experiment": name, "fold": i, "test/acc": i / 7, "note": "a, \\"b\\"\\n" * 9})
"""


def writer(path: Path, name: str, rows: int) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(rows)], env=env)


def check_many(path: Path, processes: int, rows: int) -> None:
    running = [writer(path, f"p{k}", rows) for k in range(processes)]
    assert [process.wait(timeout=300) for process in running] == [0] * processes
    got = ledger.read(path)
    assert len(got) == processes * rows
    for k in range(processes):  # each process's rows all there, whole and in order
        mine = [row for row in got if row["experiment"] == f"p{k}"]
        assert [row["fold"] for row in mine] == list(range(rows))
        assert [row["test/acc"] for row in mine] == [i / 7 for i in range(rows)]
        assert {row["note"] for row in mine} == {'a, "b"\n' * 9}


def test_processes_share_one_ledger(tmp_path):
    check_many(tmp_path / "results.csv", 6, 50)


@pytest.mark.slow
def test_twelve_processes_append_six_thousand_rows(tmp_path):
    start = time.perf_counter()
    check_many(tmp_path / "results.csv", 12, 500)
    print(f"6,000 rows by twelve processes in {time.perf_counter() - start:.1f} s")


def test_killed_writers_leave_only_whole_rows(tmp_path):
    path = tmp_path / "results.csv"
    running = [writer(path, f"p{k}", 100_000) for k in range(3)]
    while not path.exists() or path.stat().st_size < 20_000:
        time.sleep(0.01)
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.wait()
    ledger.append(path, {"experiment": "after"})
    rows = ledger.read(path)
    assert rows[-1]["experiment"] == "after"
    for k in range(3):
        folds = [row["fold"] for row in rows if row["experiment"] == f"p{k}"]
        assert folds == list(range(len(folds)))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -7, 10**20, 0.1, 1e-300, math.inf, "", "None", "nan", "true"),
        *("1234567890", "12e4567890", "2.6", " 1", "1_000", '"', '"x"', "a,b", 'say "hi"'),
        *("two\nlines", "cr\r", "\u2028 ü 犬", "{}", "null", "bad\udcff"),
        *("=1+1", "+1 dog", "@SUM(A1)", "-x"),
    ],
)
def test_every_value_survives_with_its_type(tmp_path, value):
    ledger.append(tmp_path / "results.csv", {"experiment": value, "new": value})
    if isinstance(value, str):  # a spreadsheet computes nothing
        assert not ledger.spell(value).startswith(("=", "+", "-", "@"))
    (row,) = ledger.read(tmp_path / "results.csv")
    assert (row["experiment"], row["new"]) == (value, value)
    assert type(row["new"]) is type(value)


def test_numpy_scalars_become_plain_numbers(tmp_path):
    row = {"test/acc": np.float32(0.5), "fold": np.int64(3), "leaky": np.True_}
    ledger.append(tmp_path / "results.csv", row)
    (got,) = ledger.read(tmp_path / "results.csv")
    assert (got["test/acc"], got["fold"], got["leaky"]) == (0.5, 3, True)
    assert math.isnan(ledger._value(ledger.spell(float("nan"))))


def test_other_programs_read_it_as_csv(tmp_path):
    path = tmp_path / "results.csv"
    ledger.append(path, {"experiment": "a, b", "fold": 2})
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["experiment"] == "a, b" and row["fold"] == "2"
    assert list(row) == list(ledger.COLUMNS)


@pytest.mark.parametrize("cut", [1, 2, 10, 60])
def test_a_torn_last_line_is_never_a_row_and_is_mended(tmp_path, cut):
    path = tmp_path / "results.csv"
    for fold in (1, 2):
        ledger.append(path, {"experiment": "e", "fold": fold, "run_dir": "outputs/some/folder"})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with pytest.warns(UserWarning, match="cut off"):
        assert [row["fold"] for row in ledger.read(path)] == [1]
    with pytest.warns(UserWarning, match="moved to"):
        ledger.append(path, {"experiment": "e", "fold": 3})
    assert [row["fold"] for row in ledger.read(path)] == [1, 3]
    tail = whole.splitlines(keepends=True)[-1][:-cut]
    assert path.with_name("results.csv.torn").read_bytes() == tail + b"\n"


def test_a_torn_header_begins_anew(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("time,signa")
    with pytest.warns(UserWarning, match="moved to"):
        ledger.append(path, {"fold": 1})
    assert [row["fold"] for row in ledger.read(path)] == [1]


def test_a_line_with_too_few_cells_is_left_out_with_a_warning(tmp_path):
    path = tmp_path / "results.csv"
    ledger.append(path, {"fold": 1})
    with path.open("a") as file:
        file.write("half,a,row\n")
    ledger.append(path, {"fold": 2})
    with pytest.warns(UserWarning, match="line 3"):
        assert [row["fold"] for row in ledger.read(path)] == [1, 2]


def test_new_columns_extend_the_header(tmp_path):
    path = tmp_path / "results.csv"
    ledger.append(path, {"fold": 1, "first": "x,\ny"})
    ledger.append(path, {"fold": 2, "second": 5})
    ledger.append(path, {"fold": 3})
    rows = ledger.read(path)
    assert [(r["fold"], r["first"], r["second"]) for r in rows] == [
        (1, "x,\ny", None),
        (2, None, 5),
        (3, None, None),
    ]
    names = {file.name for file in tmp_path.iterdir()}
    assert names <= {"results.csv", "results.csv.lock"}


def limited(path: Path, room: int, row: str) -> str:
    """Append in a process whose files may not outgrow `room` bytes; return what it says."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from esc50.results.ledger import append; from esc50.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {resource.RLIM_INFINITY}))\n"
        f"try: append(Path({str(path)!r}), {row})\n"
        "except UserError as error: print(error)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.check_output([sys.executable, "-c", code], env=env, text=True)


def test_no_room_left_refuses_and_keeps_the_file(tmp_path):
    path = tmp_path / "results.csv"
    ledger.append(path, {"fold": 1})
    before = path.read_bytes()
    room = len(before) + 20  # the row begins to fit, so part of it is written and taken back
    assert os.strerror(errno.EFBIG) in limited(path, room, "{'fold': 2}")
    assert path.read_bytes() == before
    assert os.strerror(errno.EFBIG) in limited(path, room, "{'fold': 2, 'new': 1}")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {"results.csv", "results.csv.lock"}


def test_a_missing_ledger_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"results.csv: there is no such ledger"):
        ledger.read(tmp_path / "results.csv")


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-2", "@SUM(A1)"])
def test_no_cell_is_a_formula_and_each_reads_as_it_was(tmp_path, text):
    ledger.append(tmp_path / "results.csv", {"experiment": text})
    assert not ledger.spell(text).startswith(ledger.FORMULA)
    assert ledger.read(tmp_path / "results.csv")[0]["experiment"] == text


def test_a_ledger_of_long_ago_gets_the_new_columns_and_keeps_its_rows(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes((REPO / "docs" / "results.csv").read_bytes())
    old = ledger.read(path)
    assert len(old) > 50 and not {"overrides", "threads"} & old[0].keys()
    ledger.append(path, {"experiment": "new", "overrides": "batch_size=16", "threads": 2})
    *before, last = ledger.read(path)
    assert [{key: row[key] for key in old[0]} for row in before] == old
    assert {row["overrides"] for row in before} == {None}
    assert (last["overrides"], last["threads"]) == ("batch_size=16", 2)


@pytest.mark.parametrize("line", ["1\r,2", '"' + "x" * 200_000])
def test_a_line_that_is_no_csv_is_left_out_with_a_warning(tmp_path, line):
    path = tmp_path / "results.csv"
    ledger.append(path, {"seed": 1})
    with path.open("a", newline="") as file:
        file.write(line + "\n")
    ledger.append(path, {"seed": 2})
    with pytest.warns(UserWarning, match="line 3 has 1 cells"):
        assert [row["seed"] for row in ledger.read(path)] == [1, 2]

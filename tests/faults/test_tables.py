"""Tables of any bytes: CSV, JSON lines, Parquet."""

import io
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import strategies as st

from esc50.data.tables.columns import ESC50_COLUMNS, ColumnNames
from esc50.data.tables.folds import make_folds, warn_of_classes
from esc50.data.tables.table import read_clips
from tests.faults.fuzz import fuzz, survives
from tests.faults.mutations import mutated

OWN_COLUMNS = ColumnNames(
    file=["file", "filename", "clip"],
    label=["class", "category", "label"],
    target=["target", "classID"],
    fold=["fold"],
    source=["source", "src_file"],
    take=["take"],
    split=["split", "side"],
)
PATTERN = ColumnNames(file="fold{fold}/{filename}", label="category")
PARTS = ColumnNames(file="filename", label="category", start="fold", duration=["target"], end=[])
NAMES = [
    *"filename fold target category esc10 src_file take file class split side label".split(),
    *["View", "Selection"],
    *["", " filename ", "\ufefffilename", "Filename", "target\x1f", "a\x00b", "class,label"],
]
NUMBERS = [
    *"0 1 2 5 -1 1.0 1,0 1e9 1e999 999999999 9999999999 0x10 1_0 +1 NaN inf".split(),
    *["\x1f1", "1\x1f", "\u0661", "\u00b2", "\uff11", "1\xa0", " 1", "'1", "=1+1", "9" * 5000],
    *["0:10", "1:02:03,5", "1,234", "12.5", "9" * 5000 + ":00", "0 days 00:00:01"],
]
TEXTS = [
    *"dog cat rain 1-100032-A-0.wav 2-2-B-1.wav a.wav ../a.wav /etc/passwd ./a.wav".split(),
    *["C:\\a.wav", "a\\b.wav", "=cmd()", "<b>dog</b>", "\x1b[31mred", "$^$", "clip", "caf\u00e9"],
    *["cafe\u0301", "\u202egod", "dog\r", "do\ng", 'd"og', "'dog", "\x85", "x" * 200_000, "nan"],
]
CELLS = st.one_of(
    st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=8), st.integers().map(str)
)
ENCODINGS = "utf-8 utf-8 utf-8 utf-8-sig utf-16 utf-16-le cp1252 latin-1 utf-32 gbk utf-7".split()


@st.composite
def csv_tables(draw) -> bytes:
    """Rows in some dialect and encoding, ragged now and then."""
    header = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    if sound := draw(st.booleans()):
        header = NAMES[:4] + [name for name in header if name not in NAMES[:4]]
    size = len(header)
    rows = draw(st.lists(st.lists(CELLS, min_size=size, max_size=size), max_size=5))
    if sound:
        good = [[f"{k}.wav", str(k % 2), str(k % 3), "abc"[k % 3]] for k in range(5)]
        rows = [[*whole, *row[4:]] for whole, row in zip(good, rows, strict=False)]
    if rows and draw(st.booleans()):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, size)) : draw(st.integers(0, size))] = draw(st.lists(CELLS))
    quote = draw(st.sampled_from(['"', '"', "", "", "'"]))
    separator = draw(st.sampled_from([",", ",", ";", "\t", "|", ", ", ":", " "]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\x0b", "\u2028"]))
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in (header, *rows)]
    return end.join(lines).encode(draw(st.sampled_from(ENCODINGS)), "replace")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELLS, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), JSON, max_size=6)


@st.composite
def json_tables(draw) -> bytes:
    """JSON lines or one list, of records or of something else; or brackets without an end."""
    records = draw(st.lists(RECORDS | JSON, max_size=4))
    whole = json.dumps(records) if draw(st.booleans()) else "\n".join(map(json.dumps, records))
    deep = draw(st.sampled_from(["", "", "", "[" * 100_000, '{"a":' * 100_000]))
    return (whole + deep).encode(draw(st.sampled_from(ENCODINGS)), "replace")


ARROW = st.sampled_from(
    [
        (pyarrow.string(), CELLS),
        (pyarrow.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pyarrow.float64(), st.floats()),
        (pyarrow.bool_(), st.booleans()),
        (pyarrow.binary(), st.binary(max_size=9)),
        (pyarrow.timestamp("us"), st.integers(-(2**62), 2**62)),
        (pyarrow.timestamp("ns", "Nowhere/Land"), st.integers(-(2**62), 2**62)),
        (pyarrow.date32(), st.integers(-(2**31), 2**31 - 1)),
        (pyarrow.list_(pyarrow.int8()), st.lists(st.integers(-9, 9), max_size=3)),
        (pyarrow.duration("us"), st.integers(-(2**62), 2**62)),
    ]
)


@st.composite
def parquet_tables(draw) -> bytes:
    """Columns of any type, strings in half of them."""
    columns, names, rows = [], [], draw(st.integers(0, 4))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=6)):
        kind, values = draw(ARROW)
        cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns.append(pyarrow.array(cells, kind))
        names.append(name)
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names), file)
    return file.getvalue()


PLAIN = b"filename,fold,target,category\n1-1-A-0.wav,1,0,dog\n2-2-A-1.wav,2,1,cat\n"
TABLES = st.one_of(
    st.tuples(st.just("csv"), csv_tables()),
    st.tuples(st.just("csv"), mutated(csv_tables())),
    st.tuples(st.sampled_from(["csv", "txt", "jsonl", "parquet"]), st.binary(max_size=200)),
    st.tuples(st.just("csv"), mutated(st.just(PLAIN))),
    st.tuples(st.sampled_from(["jsonl", "json"]), json_tables() | mutated(json_tables())),
    st.tuples(st.just("parquet"), parquet_tables()),
    st.tuples(st.just("parquet"), mutated(parquet_tables())),
)


@pytest.fixture(scope="module")
def clips(folder):
    """A folder with files that some of the tables list."""
    for name in ("0.wav", "1.wav", "2.wav", "3.wav", "4.wav", "1-1-A-0.wav", "2-2-A-1.wav"):
        (folder / name).touch()
    return folder


@fuzz(
    "tables",
    few=60,
    table=TABLES,
    names=st.sampled_from([ESC50_COLUMNS, OWN_COLUMNS, PATTERN, PARTS]),
)
def test_a_table_is_read_or_refused(clips, table, names):
    suffix, content = table
    path = clips / f"table.{suffix}"
    path.write_bytes(content)
    with survives("tables"):
        found = read_clips(path, clips, names)
        assert len(found) == len(found.folds) == len(found.targets)
        assert found.categories5 is None or len(found.categories5) == len(found.classes)
        warn_of_classes(found)
        make_folds(found, 2, seed=1)

import json

import pytest

from esc50.data.notices import notice
from esc50.data.tables.table_file import read_table_file
from esc50.errors import UserError
from tests.conftest import TEST_DATA

TABLE = {"file": ["a.wav", "b, c.wav"], "label": ["Säge", "rain"], "fold": ["1", "2"]}
TEXT = 'file,label,fold\na.wav,Säge,1\n"b, c.wav",rain,2\n'


def read(tmp_path, content: str | bytes, name: str = "t.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table_file(path)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT + "\n\n,,\n",
        TEXT.replace('"b, c.wav"', ' "b, c.wav"').replace(",fold", " , fold "),
        'file;label;fold\n"a.wav";Säge;1\nb, c.wav;rain;2;;\n',
        "file\tlabel\tfold\na.wav\tSäge\t1 \nb, c.wav\train\t2\n",
        "file|label|fold\na.wav|Säge|1\nb, c.wav|rain|2",
        TEXT.encode("cp1252"),
        TEXT.encode("utf-16"),
    ],
    ids="plain BOM CRLF CR blank-rows blanks semicolons tabs bars latin-1 utf-16".split(),
)
def test_text_of_any_make_is_one_table(tmp_path, content):
    assert read(tmp_path, content).columns == TABLE


@pytest.mark.parametrize("line", ["sep=;\n", '"sep=;"\r\n', "\ufeffsep=;\n"])
def test_the_line_by_which_excel_names_the_separator_is_no_header(tmp_path, line):
    table = read(tmp_path, line + "file;label\na,b.wav;x\n")
    assert table.columns == {"file": ["a,b.wav"], "label": ["x"]} and table.lines == [3]


@pytest.mark.parametrize(
    "columns",
    [
        {"file": ["a.wav", "b, c.wav"], "label": ["Säge", "rain"], "fold": [1, 2]},
        {"file": {"3": "a.wav", "7": "b, c.wav"}, "label": {"3": "Säge", "7": "rain"}}
        | {"fold": {"7": 2, "3": 1}},
    ],
    ids=["lists", "pandas"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_of_columns_is_the_same_table(tmp_path, columns, indent):
    assert read(tmp_path, json.dumps(columns, indent=indent), "t.json").columns == TABLE


def test_columns_of_one_name_are_refused_where_they_are_meant(tmp_path):
    table = read(tmp_path, "id,file,id,Label,Label\n1,a.wav,2,x,y\n")
    assert table.find("file") == "file"
    for names in ("id", ["label"], ["nothing", "Label"]):
        with pytest.raises(UserError, match=r"has two columns '(id|Label)': name"):
            table.find(names)


@pytest.mark.parametrize("header", [",file,label", "file,label"])
def test_a_column_of_numbers_without_a_name_is_passed_over(tmp_path, header):
    rows = [f"{n},{n}.wav,x" for n in (1, 2)]  # of pandas and R, of R without a comma before it
    for separator in ",;\t":
        content = "\n".join([header, *rows]).replace(",", separator)
        table = read(tmp_path, content)
        assert table.columns == {"file": ["1.wav", "2.wav"], "label": ["x", "x"]}
    if header[0] == "f":
        with pytest.raises(UserError, match="line 2: 3 fields instead of 2"):
            read(tmp_path, "\n".join([header, *rows[::-1]]))


def test_what_is_not_utf8_is_said(tmp_path, capsys):
    notice.cache_clear()
    read(tmp_path, TEXT.encode("latin-1"))
    assert "t.csv is not UTF-8: read as Windows-1252" in capsys.readouterr().err


def test_json_lines_and_parquet_hold_the_same(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    rows = [{"file": "a.wav", "label": "Säge", "fold": 1}, {"file": "b, c.wav", "label": "rain"}]
    wanted = {**TABLE, "fold": ["1", ""]}
    lines = "\n".join(map(json.dumps, rows))
    assert read(tmp_path, lines, "t.jsonl").columns == wanted
    assert read(tmp_path, json.dumps(rows), "t.json").columns == wanted
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert read_table_file(tmp_path / "t.parquet").columns == wanted


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_cell_may_hold_what_unicode_takes_for_a_line_end(tmp_path, end):
    cell = "a\u2028b\x85c.wav"
    rows = [json.dumps({"file": cell}, ensure_ascii=False), "", '{"file": "d.wav"}']
    table = read(tmp_path, end.join(rows), "t.jsonl")
    assert table.columns == {"file": [cell, "d.wav"]} and table.lines == [1, 3]
    cells = [("".join("a\u2028" * 60)), "rain"]
    assert read(tmp_path, f"file;label{end}{';'.join(cells)}{end}").columns == {
        "file": [cells[0]],
        "label": [cells[1]],
    }


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('file,label\na.wav,x\n"b".wav,x\nc.wav,x\n', 3),
        ('file,label\n\n"a\nb.wav",x\n"c.wav,x\nd.wav,x\n', 5),
        ('"file,label\na.wav,x\n', 1),
    ],
)
def test_quotes_that_are_wrong_are_refused_by_the_line_they_begin_on(tmp_path, content, line):
    with pytest.raises(UserError, match=f"is not a CSV table from line {line} on: "):
        read(tmp_path, content)


@pytest.mark.parametrize("name", ["semicolon.csv", "space_after_comma.csv"])
def test_tables_that_went_wrong_elsewhere(name):
    path = TEST_DATA / "odd" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    table = read_table_file(path)
    assert list(table.columns)[:4] == ["filename", "fold", "target", "category"]
    assert set(table.columns["category"]) <= {"dog", "rain", *table.columns["category"]}
    assert not any(cell != cell.strip() for cells in table.columns.values() for cell in cells)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("", "t.csv", "is empty: it lists no clips"),
        ("file,label\n", "t.csv", "is empty"),
        (
            "file,label\na.wav,x,y\n",
            "t.csv",
            "line 2: 3 fields instead of 2 .a comma within a cell takes quotes",
        ),
        ('file,label\n"a.wav,x\n', "t.csv", "not a CSV table"),
        (b"PK\x03\x04rest", "t.csv", "is a spreadsheet: save it as CSV"),
        (b"a,b\n\0\0\0", "t.csv", "is not text"),
        ("{]", "t.jsonl", "is not JSON lines"),
        ("[1, 2]", "t.json", "line 1: it is no object"),
        ("[" * 100_000, "t.json", "it holds brackets in brackets"),
        ('{"a":' * 100_000, "t.jsonl", "it holds brackets in brackets"),
        ("no", "t.parquet", "is not a Parquet table"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, name, words):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(UserError, match=words):
        read(tmp_path, content, name)


def test_a_missing_table_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    with pytest.raises(UserError, match=f"clips.csv is missing: looked for at {tmp_path}"):
        read_table_file(Path("clips.csv"))


def test_a_column_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    with pytest.raises(UserError, match="separated by commas with the columns 'file;label', 'x'"):
        read(tmp_path, "file;label,x\na.wav;y,1\n").find("file")
    assert read(tmp_path, TEXT).find(["path", "label", "file"]) == "label"
    assert read(tmp_path, TEXT).find(["path"]) is None


def test_a_time_that_python_does_not_know_is_refused(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    times = pa.array([2**62], pa.timestamp("us"))
    pq.write_table(
        pa.table({"file": ["a.wav"], "label": ["x"], "at": times}), tmp_path / "t.parquet"
    )
    with pytest.raises(UserError, match=r"is not a Parquet table: .*out of range"):
        read_table_file(tmp_path / "t.parquet")

"""The lines of docs/how-to/own-clips.md for tables of other tools, on tables such as they write."""

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

from esc50.config.composition import compose_config
from esc50.data.datasets import open_clips
from esc50.data.notices import notice
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "how-to" / "own-clips.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("### Tables of other tools")[2].partition("\n## ")[0]
LINES = dict(re.findall(r"^\| (\w[^|]*?) \|[^|]*\| `(data\.table=.*)` \|$", SECTION, re.MULTILINE))
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL))
PYTHON = "\n".join(re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL))
EVENTS = [
    (f"tape{tape}", at + 0.125 * tape, at + 0.125 * tape + 0.5 + 0.25 * (at % 2), f"{bird} bird")
    for tape in range(5)
    for at, bird in enumerate(("grey", "red", "grey"))
]


def clock(seconds):
    return f"00:{int(seconds // 60):02}:{seconds % 60:06.3f}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Recordings, and what each tool writes of the same events in them."""
    root = tmp_path_factory.mktemp("field")
    rng = np.random.default_rng(0)
    for tape in range(5):
        soundfile.write(root / f"tape{tape}.wav", rng.uniform(-0.5, 0.5, 32_000), 8000)

    def write(name, header, rows):
        (root / name).parent.mkdir(exist_ok=True)
        lines = [header] * bool(header) + ["\t".join(map(str, row)) for row in rows]
        text = "\n".join(lines) + "\n"
        (root / name).write_text(text if "\t" in header or not header else text.replace("\t", ","))

    raven = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
    views = "Waveform 1", "Spectrogram 1"
    write("selections.txt", f"{raven}\tBegin File\tSpecies",
          [(n, v, 1, f"{b:.9f}", f"{e:.9f}", "0.0", "4000.0", f"{t}.wav", c)
           for n, (t, b, e, c) in enumerate(EVENTS, 1) for v in views])  # fmt: skip
    write("birdnet.selection.table.txt",
          f"{raven}\tCommon Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)",
          [(n, views[1], 1, 4 * int(t[4]) + b, 4 * int(t[4]) + e, 0, 15000, c, c[:3], 0.9,
            root / f"{t}.wav", b) for n, (t, b, e, c) in enumerate(EVENTS, 1)])  # fmt: skip
    write("birdnet.csv", "Start (s),End (s),Scientific name,Common name,Confidence,File",
          [(b, e, "Avis", c, 0.9, root / f"{t}.wav") for t, b, e, c in EVENTS])  # fmt: skip
    write("kaleidoscope.csv", "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name",
          [(root.parent, root.name, f"{t}.wav", b, e - b, "Avis", c)
           for t, b, e, c in EVENTS])  # fmt: skip
    write("opensoundscape.csv", "audio_file,annotation_file,annotation,start_time,end_time,low_f",
          [(f"{t}.wav", f"{t}.txt", c, b, e, "") for t, b, e, c in EVENTS])  # fmt: skip
    events = [(f"{t}.wav", b, e, c) for t, b, e, c in EVENTS]
    write("dcase.tsv", "filename\tonset\toffset\tevent_label", [*events, ("tape9.wav", "", "", "")])
    write("audioset.tsv", "segment_id\tstart_time_seconds\tend_time_seconds\tlabel", EVENTS)
    kinds = [f"{when} - {how}" for when in ("Begin Time", "End Time", "Duration")
             for how in ("hh:mm:ss.ms", "ss.msec")]  # fmt: skip
    for tape in sorted({event[0] for event in EVENTS}):
        own = [event[1:] for event in EVENTS if event[0] == tape]
        write(f"audacity/{tape}.txt", "", [*own, ("\\", 100.0, 2000.0)])
        write(f"elan/{tape}.txt", "\t".join(["Tier", *kinds, "Annotation"]),
              [("birds", *(f(x) for x in (b, e, e - b) for f in (clock, str)), c)
               for b, e, c in own])  # fmt: skip
        write(f"regions/{tape}.csv", "TIME,VALUE,DURATION,LABEL",
              [(b, 60, e - b, c) for b, e, c in own])  # fmt: skip
    tasks = [
        {"id": n, "audio": f"/data/upload/1/0a1b2c3d-tape{n}.wav", "label": [
            {"start": b, "end": e, "channel": 0, "labels": [c]}
            for t, b, e, c in EVENTS if t == f"tape{n}"]}
        for n in range(5)
    ]  # fmt: skip
    (root / "label_studio.json").write_text(json.dumps([*tasks, {"id": 9, "audio": "x-y.wav"}]))
    subprocess.run(["sh", "-ec", SHELL], cwd=root, check=True)
    subprocess.run([sys.executable, "-c", PYTHON], cwd=root, check=True)
    return root


@pytest.mark.parametrize("tool", LINES)
def test_each_line_reads_the_same_events(tool, place, monkeypatch, capsys):
    notice.cache_clear()
    monkeypatch.chdir(place)
    cfg = compose_config(["data=csv", *shlex.split(LINES[tool]), "features.seconds=2"])
    table = open_clips(OmegaConf.to_container(cfg.data, resolve=True))
    found = [
        (path.stem, *table.span(row), table.classes[table.targets[row]])
        for row, path in enumerate(table.paths)
    ]
    assert found == EVENTS and len(set(table.sources.tolist())) == 5
    said = capsys.readouterr().err
    assert ("15 of 30 rows list a selection once more" in said) == (tool == "Raven")
    assert ("1 of 16 rows are empty in" in said) == tool.startswith("DCASE")


def test_each_tool_has_a_line():
    assert len(LINES) == 11 and {"Raven", "Audacity", "ELAN", "Label Studio"} < set(LINES)

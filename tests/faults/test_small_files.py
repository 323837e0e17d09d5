"""Files that the product itself writes, of another shape than it writes them."""

import json
import warnings
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from esc50.audio.files.read import audio_digest
from esc50.data.cache import entries as cache
from esc50.data.cache.digests import clip_digests
from esc50.deploy.checkpoints import describe, describe_threshold
from esc50.model.lightning.classifier import FORMAT
from esc50.model.trained import load_trained
from esc50.report.run.charts import read_history
from esc50.report.run.origin import read_chosen_epoch
from esc50.results import ledger
from esc50.results.predictions import read_run
from esc50.results.run_folder import find_results, read_config, read_settings, why_unfinished
from esc50.sweep.jobs import Job, Sweep
from esc50.training.pruning import JOURNAL, mend_journal
from esc50.training.resume.checkpoints import find_checkpoint
from tests.deploy.small import small_model
from tests.faults.fuzz import fuzz, survives
from tests.faults.mutations import NASTY, VALUES, mutated, reshaped, small_files
from tests.made_run import make_run_folder

TESTS = 6  # that share the target's inputs
ARRAYS = {"x": ((4, 3), "<f4")}
FILE = {"size": 176, "crc32": 123}
ENTRY = {"format": 1, "files": {"x": FILE}, "remarks": FILE}


@fuzz("small files", tests=TESTS, entry=small_files(ENTRY), array=st.binary(max_size=200))
def test_an_entry_of_the_cache(folder, entry, array):
    place = folder / "cache" / "clips-0"
    place.mkdir(parents=True, exist_ok=True)
    (place / "entry.json").write_bytes(entry)
    (place / "x.npy").write_bytes(array)
    with survives("small files"):
        cache.entry_fault(place)
        values = np.ones((4, 3), np.float32)
        found = cache.open_or_build(
            folder / "cache", place.name, ARRAYS, lambda w: w.write(0, x=values)
        )
        assert np.array_equal(found.arrays["x"], values)


@fuzz("small files", tests=TESTS, memo=small_files({"a.wav": ["1:2:3", "0" * 32]}))
def test_the_memo_of_digests(folder, memo):
    clip = folder / "clip.wav"
    clip.write_bytes(b"sound")
    clip_digests([clip], folder / "memo")
    (path,) = (folder / "memo" / "digests").glob("*.json")
    path.write_bytes(memo)
    with survives("small files"):
        (digest,) = clip_digests([clip], folder / "memo")
        assert digest == audio_digest(clip)


@pytest.fixture(scope="module")
def run(folder):
    """A made run's folder, and what is in its files."""
    place = make_run_folder(folder / "run")
    (place / "config.yaml").write_text("name: x\nmodel: {a: 1}\ntrainer: {max_epochs: 1}\n")
    (place / "history.csv").write_text("epoch,train/loss\n1,0.5\n2,0.4\n")
    (place / "sources.json").write_text('{"a": "b"}')
    return place, {path.name: path.read_bytes() for path in place.iterdir()}


@fuzz("small files", tests=TESTS, data=st.data())
def test_the_files_of_a_run(run, data):
    place, files = run
    name = data.draw(st.sampled_from(sorted(files)))
    if name.endswith(".json"):
        content = data.draw(small_files(json.loads(files[name])))
    else:
        header, _, rest = files[name].partition(b"\n")
        cell = data.draw(NASTY).encode("utf-8", "replace")
        content = data.draw(
            mutated(st.just(files[name]))
            | st.sampled_from([b"", cell, header, header + b"\n" + cell, cell + b"\n" + rest])
            | st.just(rest.replace(b",1", b"," + cell, 2))
            | st.just(header + b"\n" + rest.replace(b"0", cell, 3))
        )
    (place / name).write_bytes(content)
    try:
        with survives("small files"):
            why_unfinished(place)
            find_results(place)
            read_settings(place)
            assert isinstance(read_config(place), dict | None)
            assert isinstance(read_history(place), list)
            read_run(place)
    finally:
        (place / name).write_bytes(files[name])


ROWS = [
    {"seed": 1, "experiment": "x", "test/acc": 0.5},
    {"seed": 2, "experiment": "=1", "leaky": True},
]


@fuzz(
    "small files",
    tests=TESTS,
    cells=st.lists(st.lists(NASTY | st.text(max_size=9), max_size=4), max_size=4),
    damage=st.sampled_from([None, "cells", "bytes"]),
    row=st.dictionaries(
        st.sampled_from(["seed", "experiment", "new", "=1"]),
        VALUES.filter(lambda value: len(str(value)) < 100_000),
        max_size=3,
    ),
    data=st.data(),
)
def test_the_ledger(folder, cells, damage, row, data):
    path = folder / "results.csv"
    path.unlink(missing_ok=True)
    for whole in ROWS:
        ledger.append(path, whole)
    content = path.read_bytes()
    if damage == "cells":
        text = "\n".join(",".join(line) for line in cells) + "\n"
        content += text.encode("utf-8", "surrogatepass")
    elif damage == "bytes":
        content = data.draw(mutated(st.just(content)))
    path.write_bytes(content)
    with survives("small files"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = ledger.read(path)
        ledger.append(path, row)
        after = ledger.read(path)
        assert len(after) == len(before) + 1
        if not damage:
            assert [{k: r[k] for k in r if k in ROWS[0]} for r in after[:1]] == [ROWS[0]]


JOB = asdict(Job(0, ["seed=1"], "/x", "host", None, 1.0))


@fuzz(
    "small files",
    tests=TESTS,
    note=small_files(JOB),
    plan=small_files({"total": 1, "earlier": [JOB]}),
)
def test_the_notes_of_a_sweep(folder, note, plan):
    sweep = Sweep(folder / "sweep")
    (sweep.folder / "jobs").mkdir(parents=True, exist_ok=True)
    sweep.note(0).path.write_bytes(note)
    (sweep.folder / "plan.json").write_bytes(plan)
    study = folder / "study"
    study.mkdir(exist_ok=True)
    (study / JOURNAL).write_bytes(note)
    with survives("small files"):
        assert len(sweep.jobs()) + len(sweep.bad_notes()) == 1
        assert isinstance(sweep.plan().total, int | None)
        sweep.ended_jobs()
        sweep.note(0).update(metric=0.5)
        sweep.mark_lost(0, ["seed=1"], "gone")
        mend_journal(study)


@pytest.fixture(scope="module")
def checkpoint(folder):
    """What a checkpoint of a small network holds, and its bytes."""
    model = small_model()
    specification = {**model.specification, "format": FORMAT}
    prefixed = {f"network.{key}": value for key, value in model.network.state_dict().items()}
    content = {"esc50": specification, "state_dict": prefixed, "epoch": 1}
    path = folder / "whole.ckpt"
    torch.save(content, path)
    return specification, content["state_dict"], path.read_bytes()


@fuzz("small files", tests=TESTS, data=st.data(), damage=st.sampled_from(["bytes", "shape"]))
def test_a_checkpoint(folder, checkpoint, data, damage):
    specification, weights, whole = checkpoint
    path = folder / "damaged.ckpt"
    if damage == "bytes":
        path.write_bytes(data.draw(mutated(st.just(whole))))
    else:
        made = data.draw(reshaped({"esc50": specification, "state_dict": {}, "epoch": 1}))
        if isinstance(made, dict) and made.get("state_dict") == {}:
            made["state_dict"] = weights
        torch.save(made, path)
    with survives("small files"):
        find_checkpoint(path)
        read_chosen_epoch(path)
        model = load_trained(path, trusted=True)
        assert describe([model]) and describe_threshold([model])

import gc
import sys
from hashlib import sha256

import numpy as np
import pytest
import soundfile

from esc50.data.datasets import open_clips
from esc50.data.sets.demo import _plan, _write_clips, make_demo
from esc50.data.tables.table import read_table
from esc50.errors import UserError


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "set"
    make_demo(root, seed=3, clips_per_fold=2)
    return root


@pytest.fixture(scope="module")
def clips(demo):
    return np.array([soundfile.read(path)[0] for path in read_table(demo).paths])


def test_it_reads_back_as_a_data_set(demo):
    table = read_table(demo)
    assert table.synthetic and len(table) == 100 and len(table.classes) == 10
    counts = np.zeros((6, 10), dtype=int)
    np.add.at(counts, (table.folds, table.targets), 1)
    assert (counts[1:] == 2).all()
    assert np.bincount(table.categories5).tolist() == [2] * 5
    for name, fold, source, take, label in zip(
        table.filenames, table.folds, table.sources, table.takes, table.labels, strict=True
    ):
        assert name == f"{fold}-{source}-{take}-{label}.wav"


def test_sources_have_takes_and_keep_to_one_fold_and_class(demo):
    table = read_table(demo)
    sources, counts = np.unique(table.sources, return_counts=True)
    assert set(counts) == {1, 2}
    for source in sources:
        mine = table.sources == source
        assert len(set(table.folds[mine])) == len(set(table.labels[mine])) == 1


def test_clips_are_five_seconds_of_16_bit_mono_neither_silent_nor_clipped(demo, clips):
    info = soundfile.info(read_table(demo).paths[0])
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_16")
    peaks = np.abs(clips).max(axis=1)
    assert clips.shape == (100, 220_500)
    assert peaks.min() > 0.02 and peaks.max() < 0.999
    assert np.ptp(20 * np.log10(peaks)) > 6  # levels vary


def test_some_event_clips_end_in_digital_silence(demo, clips):
    padded = (clips[:, -22_050:] == 0).all(axis=1)
    table = read_table(demo)
    classes = {table.classes[k] for k in table.targets[padded]}
    assert classes and classes <= {"dog", "frog", "footsteps"}


def test_takes_are_alike_but_not_copies(demo, clips):
    spectra = np.log(np.abs(np.fft.rfft(clips))[:, 50:50_000].reshape(100, 50, -1).mean(2))
    table = read_table(demo)
    apart, within = [], []
    for i in range(100):
        for j in np.flatnonzero(table.targets[:i] == table.targets[i]):
            distance = np.abs(spectra[i] - spectra[j]).mean()
            (within if table.sources[i] == table.sources[j] else apart).append(distance)
            assert not np.array_equal(clips[i], clips[j])
    assert np.median(within) < 0.5 * np.median(apart)


def test_classes_can_be_told_apart_across_folds(demo, clips):
    frames = np.abs(np.fft.rfft(clips.reshape(100, 100, 2205), axis=2))[:, :, 1:801]
    bands = np.log(frames.reshape(100, 100, 40, 20).mean(3) + 1e-4)
    x = np.hstack([bands.mean(1), bands.std(1), np.diff(bands, axis=1).std(1)])
    table = read_table(demo)
    train = table.folds > 1
    x = (x - x[train].mean(0)) / x[train].std(0)
    nearest = np.linalg.norm(x[~train, None] - x[None, train], axis=2).argmin(1)
    accuracy = np.mean(table.targets[train][nearest] == table.targets[~train])
    assert accuracy > 0.4  # chance is 0.1


def test_the_same_seed_gives_the_same_bytes_and_another_others(demo, tmp_path):
    digests = []
    for folder in ("a", "b"):
        make_demo(tmp_path / folder, 5, clips_per_fold=1)
        files = sorted(p for p in (tmp_path / folder).rglob("*") if p.is_file())
        digests.append([sha256(p.read_bytes()).hexdigest() for p in files])
    assert digests[0] == digests[1] and len(digests[0]) == 52
    clip = "audio/1-900001-A-0.wav"
    assert (tmp_path / "a" / clip).read_bytes() != (demo / clip).read_bytes()


def test_it_is_reused_and_never_replaces_anything_else(demo):
    path = read_table(demo).paths[0]
    before = path.stat().st_mtime_ns
    make_demo(demo, seed=3, clips_per_fold=2)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(UserError, match="something else"):
        make_demo(demo, seed=4, clips_per_fold=2)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(("seed", "count"), [(-1, 2), (0, 0), (0.5, 2), (0, "2"), (True, 2)])
def test_bad_parameters(tmp_path, seed, count):
    with pytest.raises(UserError, match="it takes a whole number of at least"):
        open_clips(section(tmp_path, seed=seed, clips_per_fold=count))
    assert not list(tmp_path.iterdir())


def test_unwritable_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        make_demo(tmp_path / "file" / "x", 0, 1)


def test_a_clip_that_may_not_be_written_is_one_error(tmp_path, monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    (row, *_) = _plan(0, 1)
    with pytest.raises(FileNotFoundError):
        _write_clips(tmp_path / "gone", 0, [row])
    gc.collect()
    assert not ignored


def section(root, **keys):
    return {
        "_target_": "esc50.data.datasets.Demo",
        "root": str(root),
        "cache_dir": str(root),
        **keys,
    }


def test_open_clips_makes_it_under_root(tmp_path):
    data = section(tmp_path, seed=0, clips_per_fold=1)
    table = open_clips(data)
    assert len(table) == 50 and table.root.parent == tmp_path
    assert open_clips(data).filenames == table.filenames

import shutil

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf

from esc50.audio.augment import Augment
from esc50.audio.augment_params import make_recipe
from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec
from esc50.config.choices import CONF
from esc50.data.cache.digests import clip_digests
from esc50.data.features import clip_features, copy_features, profiles, single_threaded
from esc50.data.near import Profiles, nearest_pairs
from esc50.data.notices import notice
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table import read_clips, read_table
from esc50.data.tables.windows import cut_windows
from esc50.errors import UserError
from tests.audio.front_ends.test_front_end import SMALL

SPEC = FeatureSpec(
    sample_rate=8000, seconds=0.5, n_fft=256, hop_length=64, n_mels=32, frames=64, height=32,
    width=32,
)  # fmt: skip


def features_of(table, cache, spec=SPEC, workers=None):
    return clip_features(table, spec, clip_digests(table.paths, cache), cache, workers)


def test_rows_are_the_clips_own_features_whatever_the_workers(tiny, tmp_path):
    table = read_table(tiny)
    one, many = (features_of(table, tmp_path / str(n), workers=n) for n in (1, 4))
    assert all(np.array_equal(one[name], many[name]) for name in one)
    clip = torch.from_numpy(read_clip(table.paths[7], 8000, 4000))
    for name, own in zip(("logmel", "magnitude", "peak"), LogMel(SPEC)(clip), strict=True):
        np.testing.assert_allclose(one[name][7], own.numpy(), rtol=1e-5, atol=1e-5)


def test_another_spec_is_another_entry(tiny, tmp_path):
    table = read_table(tiny)
    features_of(table, tmp_path)
    wider = features_of(table, tmp_path, SPEC.model_copy(update={"width": 64}))
    assert wider["logmel"].shape == (50, 1, 32, 64)


def alike(tmp_path):
    """A sound, its near-duplicate and two others, in a table."""
    rng, time = np.random.default_rng(0), np.arange(4000) / 8000
    first = np.sin(2 * np.pi * (300 + 2000 * time) * time) * (time > 0.1)
    sounds = {
        "a": first,
        "b": first + 1e-3 * rng.standard_normal(4000),
        "c": rng.standard_normal(4000) * time,
        "d": np.sin(2 * np.pi * 1500 * time) * (time < 0.3),
    }
    rows = ["file,label"]
    for name, sound in sounds.items():
        noise = 1e-3 * rng.standard_normal(4000)
        soundfile.write(tmp_path / f"{name}.wav", 0.3 * sound + noise, 8000)
        rows.append(f"{name}.wav,x")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    return read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(file="file", label="label"))


@pytest.mark.parametrize("kind", SMALL)
def test_near_duplicates_are_the_same_whatever_the_features(tmp_path, kind):
    table, spec = alike(tmp_path), SMALL[kind]
    features = features_of(table, tmp_path / "cache", spec)
    assert features["logmel"].shape == (4, *spec.shape)
    assert ("profile" in features) == (kind not in ("logmel", "deltas"))
    assert ("magnitude" in features) == (kind != "cqt")
    if kind not in ("logmel", "deltas"):
        clip = torch.from_numpy(read_clip(table.paths[2], 8000, 4000))
        own = LogMel(spec.log_mel).features(clip).numpy()
        np.testing.assert_allclose(features["profile"][2], own, atol=1e-4)
    everything = Profiles(profiles(features), np.arange(4))
    pairs = {tuple(sorted(pair)) for pair in nearest_pairs(everything, everything)}
    assert pairs == {(0, 1)}


def test_a_clip_that_is_no_sound_is_named(tiny, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(tiny, root)
    table = read_table(root)
    table.paths[3].write_bytes(b"no sound")
    with pytest.raises(UserError, match=table.filenames[3]):
        features_of(table, tmp_path / "cache")


def test_all_clips_that_are_no_sound_are_named_at_once_and_no_entry_is_left(
    tiny, tmp_path, monkeypatch
):
    root, cache = tmp_path / "set", tmp_path / "cache"
    shutil.copytree(tiny, root)
    table = read_table(root)
    for row in (3, 8, 5):
        table.paths[row].write_bytes(b"no sound %d" % row)
    with pytest.raises(UserError, match=r"^3 sound files cannot be used: mend them, or ") as caught:
        features_of(table, cache)
    said = str(caught.value).splitlines()[1:]
    names = [table.filenames[row] for row in (3, 5, 8)]
    assert len(said) == 3 and all(name in line for name, line in zip(names, said, strict=True))
    assert not list(cache.glob("clips-*/"))
    monkeypatch.setattr("esc50.data.features.MOST_NAMED", 2)
    monkeypatch.setattr("esc50.data.features.MOST_REFUSED", 3)
    with pytest.raises(UserError, match=r"; the rest was not looked at: .*\n.*\n.*\n  and 1 more$"):
        features_of(table, cache)


def test_copies_are_rendered_once_and_rows_do_not_depend_on_their_batch(tiny, tmp_path):
    table = read_table(tiny)
    features = features_of(table, tmp_path)
    section = OmegaConf.to_container(OmegaConf.load(CONF / "augment" / "published.yaml"))
    recipe = make_recipe(section)
    clip_of_copy, params = recipe.sample_copies(len(table), np.random.default_rng(0))
    augment = Augment(SPEC, recipe)
    made = copy_features(features, augment, params, clip_of_copy, {"a": 1}, tmp_path)
    assert made.shape == (len(clip_of_copy), 1, 32, 32) and len(made) > 64
    row = slice(70, 71)
    clips = clip_of_copy[row]
    parts = (torch.from_numpy(features[name][clips]) for name in ("magnitude", "peak", "logmel"))
    alone = augment.render(*parts, params[row])
    np.testing.assert_allclose(made[70], alone[0].numpy(), atol=1e-5)
    again = copy_features(features, None, params, clip_of_copy, {"a": 1}, tmp_path)  # not rendered
    assert np.array_equal(again, made)


class Stopping(Augment):
    """An augmentation that is stopped at its second batch."""

    batches = 0

    def render(self, *arguments):
        self.batches += 1
        if self.batches > 1:
            raise KeyboardInterrupt
        return super().render(*arguments)


def test_copies_that_were_cut_off_are_gone_on_with_to_the_same_bytes(tiny, tmp_path, capsys):
    notice.cache_clear()
    table = read_table(tiny)
    features = features_of(table, tmp_path)
    recipe = make_recipe(OmegaConf.to_container(OmegaConf.load(CONF / "augment/published.yaml")))
    clip_of_copy, params = recipe.sample_copies(len(table), np.random.default_rng(0))
    rest = (params, clip_of_copy, {"a": 1})
    whole = copy_features(features, Augment(SPEC, recipe), *rest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        copy_features(features, Stopping(SPEC, recipe), *rest, tmp_path)
    gone_on = copy_features(features, Augment(SPEC, recipe), *rest, tmp_path)
    assert gone_on.tobytes() == whole.tobytes()
    n = len(clip_of_copy)
    assert f"augmented copies: 64 of {n} copies are there already" in capsys.readouterr().err


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with single_threaded():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_windows_are_the_parts_of_their_file_and_what_is_odd_is_said_once(tmp_path, capsys):
    notice.cache_clear()
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (12_000, 2))
    soundfile.write(tmp_path / "long.wav", sound, 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "null.wav", np.zeros(1000), 8000)
    soundfile.write(tmp_path / "anti.wav", sound[:4000] * [1, 0] @ [[1, -1], [0, 0]], 8000)
    (tmp_path / "t.csv").write_text("file,label\nlong.wav,x\nnull.wav,y\nanti.wav,y\n")
    table = read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(file="file", label="label"))
    cut = cut_windows(table, 0.5, 0.25, tmp_path / "cache")
    assert [*cut.offsets[:6]] == [0, 0.25, 0.5, 0.75, 1.0, 0] and len(cut) == 7
    digests = cut.identify(clip_digests(cut.paths, tmp_path / "cache"))
    assert len(set(digests)) == 7
    made = clip_features(cut, SPEC, digests, tmp_path / "cache", 2)
    own = LogMel(SPEC)(torch.from_numpy(sound[6000:10_000].mean(1).astype(np.float32)))
    np.testing.assert_allclose(made["logmel"][3], own[0].numpy(), atol=1e-4)
    said = capsys.readouterr().err
    assert "1 of 7 clips are silent: 'null.wav'" in said
    assert "1 of 7 clips have channels that cancel each other in their mean" in said
    assert "1 of 7 clips fill less than half of features.seconds" in said
    notice.cache_clear()
    assert "longer than features.seconds" not in said  # windows go on where one ends
    clip_features(cut, SPEC, digests, tmp_path / "cache", 2)  # from the cache
    hit = capsys.readouterr().err
    assert {*hit.splitlines()} == {line for line in said.splitlines() if " of 7 clips " in line}
    one = clip_features(cut, SPEC.model_copy(update={"channel": 2}), digests, tmp_path / "c", 2)
    own = LogMel(SPEC)(torch.from_numpy(sound[:4000, 1].astype(np.float32)))
    np.testing.assert_allclose(one["logmel"][0], own[0].numpy(), atol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"repeat_below": 60.0}, {"sample_rate": 6000}])
def test_features_of_a_part_are_those_of_its_samples_in_a_file_of_their_own(
    tmp_path, capsys, changes
):
    notice.cache_clear()
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (24_000, 2))
    soundfile.write(tmp_path / "tape.wav", sound, 8000)
    sound = soundfile.read(tmp_path / "tape.wav")[0]
    spans = [(0.0, 0.3), (0.625, 0.725), (1.0, 2.0), (2.75, 3.0)]
    listed, alone = ["file,start,end,label"], ["file,label"]
    for row, (start, end) in enumerate(spans):
        own = sound[round(start * 8000) : round(end * 8000)]
        soundfile.write(tmp_path / f"{row}.wav", own, 8000)
        listed.append(f"tape.wav,{start},{end},{'xy'[row % 2]}")
        alone.append(f"{row}.wav,{'xy'[row % 2]}")
    spec, made, names = SPEC.model_copy(update=changes), [], {"file": "file", "label": "label"}
    for lines, times in ((listed, {"start": "start", "end": "end"}), (alone, {})):
        (tmp_path / "t.csv").write_text("\n".join(lines))
        table = read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(**names | times))
        digests = table.identify(clip_digests(table.paths, tmp_path / "cache"))
        assert len(set(digests)) == len(spans)
        made.append(clip_features(table, spec, digests, tmp_path / "cache", 2))
    for name, array in made[0].items():
        assert array.tobytes() == made[1][name].tobytes()
    said = capsys.readouterr().err
    assert "1 of 4 clips are longer than features.seconds and end there (data.windows=" in said
    assert "makes clips of the rest): 'tape.wav#t=1,2'" in said
    assert "1 of 4 clips fill less than half of features.seconds" in said


def test_parts_that_are_none_are_refused_together(tmp_path):
    soundfile.write(tmp_path / "tape.wav", np.ones(8000) / 2, 8000)
    rows = ["file,start,end,label", "tape.wav,0,1,x", "tape.wav,3,4,y", "tape.wav,5,6,y"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    names = ColumnNames(file="file", label="label", start="start", end="end")
    table = read_clips(tmp_path / "t.csv", tmp_path, names)
    digests = table.identify(clip_digests(table.paths, tmp_path / "cache"))
    words = r"2 sound files or parts .*\n.*t\.csv line 3: .*wav ends before second 3.*\n.*line 4: "
    with pytest.raises(UserError, match=words):
        clip_features(table, SPEC, digests, tmp_path / "cache", 1)
    (tmp_path / "tape.wav").write_bytes(b"no sound")
    digests = table.identify(clip_digests(table.paths, tmp_path / "cache"))
    with pytest.raises(UserError, match=r"1 sound file or part .*\n.*t\.csv lines 2, 3, 4: .*tape"):
        clip_features(table, SPEC, digests, tmp_path / "cache", 1)


@pytest.mark.parametrize("rate", [8000, 6000])
def test_windows_of_a_part_are_those_of_a_file_of_its_own_that_holds_it(tmp_path, rate):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 24_000)
    soundfile.write(tmp_path / "tape.wav", sound, 8000, subtype="FLOAT")
    begin, end = 0.625, 2.25  # it has windows at 0, 0.25, ..., 1, and a rest at 1.25
    soundfile.write(tmp_path / "own.wav", sound[5000:18_000], 8000, subtype="FLOAT")
    (tmp_path / "p.csv").write_text(f"file,start,end,label\ntape.wav,{begin},{end},x\n")
    (tmp_path / "o.csv").write_text("file,label\nown.wav,x\n")
    names = {"file": "file", "label": "label"}
    part = read_clips(tmp_path / "p.csv", tmp_path, ColumnNames(**names, start="start", end="end"))
    own = read_clips(tmp_path / "o.csv", tmp_path, ColumnNames(**names))
    found = []
    for table in (part, own):
        cut = cut_windows(table, 0.5, 0.25, tmp_path / "cache")
        assert len(cut) == 6
        found.append([cut.read(row, rate, rate // 2).samples for row in range(6)])
        digests = cut.identify(clip_digests(cut.paths, tmp_path / "cache"))
        spec = SPEC.model_copy(update={"sample_rate": rate})
        found.append(clip_features(cut, spec, digests, tmp_path / "cache", 2)["logmel"])
    heard, seen, own_heard, own_seen = map(np.array, found)
    if rate == 8000:
        assert np.array_equal(heard, own_heard) and np.array_equal(seen, own_seen)
    # Another rate: a filter's length before its end a window sounds as if nothing followed it.
    inner = heard[:, :-100], own_heard[:, :-100]
    np.testing.assert_allclose(*inner, atol=1e-4)
    assert heard.any(axis=1).all() and not heard[5, rate // 2 - rate // 8 :].any()

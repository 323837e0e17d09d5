from itertools import product
from types import SimpleNamespace

import numpy as np

from esc50.data.audit import _shared_names, audit_split
from esc50.data.split import Split, SplitSettings, draw_split
from esc50.data.tables.columns import ColumnNames
from esc50.data.tables.table import read_clips, read_table
from tests.data.test_split import make_table


def esc50(esc50_table, tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_bytes(esc50_table.read_bytes())
    return read_table(tmp_path, check_files=False)


def test_official_folds_of_esc50_hold_four_straddling_sources_and_no_leak(esc50_table, tmp_path):
    table = esc50(esc50_table, tmp_path)
    straddling, clips = set(), set()
    for fold in range(1, 6):
        audit = audit_split(
            table, draw_split(table, SplitSettings(protocol="literature", fold=fold), 0)
        )
        assert not audit.leaky
        for crossing in audit.crossings:
            assert crossing.kind == "source" and not crossing.same_class
            straddling.add(crossing.name)
            clips.update(*crossing.clips)
    assert straddling == {"131943", "134049", "209698", "234879"}
    assert len(clips) == 9


def test_a_draw_by_clip_puts_a_third_of_the_tested_beside_a_sibling(esc50_table, tmp_path):
    table = esc50(esc50_table, tmp_path)
    shares = []
    for seed in range(10):
        split = draw_split(table, SplitSettings(protocol="published", fold=1), seed)
        audit = audit_split(table, split)
        assert audit.leaky
        trained = set(zip(table.sources[split.train], table.targets[split.train], strict=True))
        tested = zip(table.sources[split.test], table.targets[split.test], strict=True)
        assert audit.tested_with_sibling == sum(pair in trained for pair in tested)
        shares.append(audit.tested_with_sibling / 300)
    assert 0.2 < np.mean(shares) < 0.4


def test_a_third_of_a_random_test_set_has_a_sibling_somewhere(esc50_table, tmp_path):
    table = esc50(esc50_table, tmp_path)
    settings = SplitSettings(protocol="random", fold=1, keep_sources=False)
    found = []
    for seed in range(10):
        split = draw_split(table, settings, seed)
        rest = np.concatenate([split.train, split.val])
        others = set(zip(table.sources[rest], table.targets[rest], strict=True))
        tested = list(zip(table.sources[split.test], table.targets[split.test], strict=True))
        audit = audit_split(table, split)
        assert audit.tested_with_sibling_or_val == sum(pair in others for pair in tested)
        found.append(audit.tested_with_sibling_or_val / len(tested))
    assert 0.33 < np.mean(found) < 0.39


def test_clips_copies_and_duplicates_on_two_sides_leak(tmp_path):
    table = make_table(tmp_path, takes=1)
    n = len(table)
    clip_of = np.concatenate([np.arange(n), [0]])

    def audit(train, test, digests=None):
        split = Split(np.array(train), np.array([1]), np.array(test), clip_of)
        return audit_split(table, split, digests)

    assert not audit([2], [0]).leaky
    assert [c.kind for c in audit([0], [0]).crossings] == ["clip"]
    copied = audit([n], [0])
    assert [c.kind for c in copied.crossings] == ["copy"] and copied.leaky
    assert copied.tested_in_training == 1
    same_bytes = audit([2], [0], ["same", "x", "same", *map(str, range(n - 3))])
    assert [c.kind for c in same_bytes.crossings] == ["duplicate"] and same_bytes.leaky
    assert "LEAKY" in same_bytes.sentence and "duplicates: 1" in same_bytes.sentence


def test_near_duplicates_are_shown_but_do_not_condemn(tmp_path):
    table = make_table(tmp_path, takes=1)
    rng = np.random.default_rng(0)
    logmels = rng.standard_normal((len(table), 1, 128, 128)).astype(np.float32)
    logmels[0] = 3 * logmels[2] + 0.01 * rng.standard_normal((1, 128, 128))
    split = Split(np.array([2, 3]), np.array([1]), np.array([0]), np.arange(len(table)))
    audit = audit_split(table, split, logmels=logmels)
    assert [c.kind for c in audit.crossings] == ["near-duplicate"]
    assert not audit.leaky
    assert audit.sentence.startswith(
        "no leak; not counted, near-duplicates: 1 (log-mels alike above 0.98: steady noises, "
    )
    same_bytes = ["x" if clip in (0, 2) else str(clip) for clip in range(len(table))]
    exact = audit_split(table, split, same_bytes, logmels)
    assert [c.kind for c in exact.crossings] == ["duplicate"]  # and not once more


def test_one_sound_in_files_of_other_bytes_is_a_duplicate_and_leaks(tmp_path):
    table = make_table(tmp_path, takes=1)
    rng = np.random.default_rng(0)
    logmels = rng.standard_normal((len(table), 1, 128, 128)).astype(np.float32)
    logmels[0] = logmels[2]
    logmels[3:5] = 0  # silence is like nothing
    split = Split(np.array([2, 3]), np.array([1]), np.array([0, 4]), np.arange(len(table)))
    audit = audit_split(table, split, list(map(str, range(len(table)))), logmels)
    assert [(c.kind, c.sides) for c in audit.crossings] == [("duplicate", ("test", "train"))]
    assert audit.leaky and audit.tested_in_training == 1


def test_many_clips_alike_are_as_many_lines_and_no_more(tmp_path):
    table = make_table(tmp_path, takes=1)
    n, half = len(table), len(table) // 2
    one = np.random.default_rng(0).standard_normal((1, 1, 32, 32)).astype(np.float32)
    clips = np.arange(n)
    split = Split(clips[half:], clips[:0], clips[:half], clips)
    audit = audit_split(table, split, [str(clip) for clip in clips], np.repeat(one, n, 0))
    assert len(audit.crossings) == half
    same = audit_split(table, split, ["same"] * n)
    here = {tuple(sorted(crossing.clips[0])) for crossing in same.crossings}
    assert here == {tuple(sorted(table.filenames[:half]))} and len(same.crossings) == 2


def test_names_on_two_sides_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = 12
        names, targets = rng.integers(0, 4, n).astype(str), rng.integers(0, 3, n)
        labelled = SimpleNamespace(targets=targets, filenames=tuple(map(str, range(n))))
        sides = (rng.choice(n, 5, replace=False), rng.choice(n, 7, replace=False))
        expected = {}
        for a, b in product(*(side.tolist() for side in sides)):
            if a != b and names[a] == names[b]:
                key = (names[a], bool(targets[a] == targets[b]))
                here, there = expected.setdefault(key, (set(), set()))
                here.add(str(a))
                there.add(str(b))
        found = _shared_names("source", labelled, names, ("test", "train"), sides)
        assert {(c.name, c.same_class): tuple(map(set, c.clips)) for c in found} == expected


def test_parts_of_one_recording_leak_by_it_and_the_same_part_of_two_files_as_a_duplicate(tmp_path):
    rows = ["file,start,end,label,fold"]
    rows += [
        "a.wav,0,2,x,1",
        "a.wav,1.5,3,x,2",
        "b.wav,1.5,3,x,1",
        "b.wav,7,9,y,1",
        "c.wav,0,1,y,2",
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    own = {name: name for name in ("file", "label", "start", "end", "fold")}
    table = read_clips(tmp_path / "t.csv", tmp_path, ColumnNames(**own), check_files=False)
    split = draw_split(table, SplitSettings(protocol="literature", fold=1), 0)
    audit = audit_split(table, split, table.identify(["d", "d", "d", "d", "e"]))
    found = {crossing.kind: crossing for crossing in audit.crossings}
    assert len(audit.crossings) == 2 and audit.leaky
    assert found["source"].clips == (("a.wav#t=0,2",), ("a.wav#t=1.5,3",))
    assert found["duplicate"].clips == (("b.wav#t=1.5,3",), ("a.wav#t=1.5,3",))

import csv
from dataclasses import replace

import numpy as np
import pytest

from esc50.data.split import SplitSettings, choosable_folds, draw_split
from esc50.data.tables.table import read_table
from esc50.errors import UserError


def make_table(root, n_classes=4, sources_per_fold=3, takes=2, folds=(1, 2, 3, 4, 5)):
    (root / "meta").mkdir(parents=True)
    rows = [
        (f"{fold}-{fold}{target}{source}-{'AB'[take]}-{target}.wav", fold, target, f"class{target}")
        for fold in folds
        for target in range(n_classes)
        for source in range(sources_per_fold)
        for take in range(takes)
    ]
    with (root / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "fold", "target", "category"), *rows])
    return read_table(root, check_files=False)


@pytest.fixture
def table(tmp_path):
    return make_table(tmp_path)


@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5])
def test_official_tests_validates_and_trains_on_the_folds_it_says(table, fold):
    split = draw_split(table, SplitSettings(protocol="official", fold=fold), 0)
    assert set(table.folds[split.test]) == {fold}
    assert set(table.folds[split.val]) == {fold % 5 + 1}
    assert set(table.folds[split.train]) == {1, 2, 3, 4, 5} - {fold, fold % 5 + 1}
    assert len(split.train) + len(split.val) + len(split.test) == len(table)


def test_literature_trains_on_four_folds_and_validates_on_none(table):
    split = draw_split(table, SplitSettings(protocol="literature", fold=2), 0)
    assert split.val.size == 0
    assert set(table.folds[split.train]) == {1, 3, 4, 5}
    assert set(table.folds[split.test]) == {2}


def test_copies_follow_their_training_clip_and_no_other(table):
    copies = np.repeat(np.arange(len(table)), 2)
    split = draw_split(table, SplitSettings(protocol="official", fold=1), 0, copies)
    clips = split.train[split.train < len(table)]
    assert len(split.train) == 3 * len(clips)
    assert set(split.clip_of[split.train]) == set(clips)
    assert split.val.max() < len(table) and split.test.max() < len(table)
    compact, used = split.without_unused_copies(len(table))
    assert len(used) == 2 * len(clips) == len(compact.clip_of) - len(table)
    assert np.array_equal(compact.clip_of[compact.train], split.clip_of[split.train])


def test_random_keeps_sources_together_classes_in_proportion_and_the_published_sizes(tmp_path):
    table = make_table(tmp_path, n_classes=10, sources_per_fold=8, takes=2)
    split = draw_split(table, SplitSettings(protocol="random", fold=1), 3)
    sides = (split.train, split.val, split.test)
    assert sum(map(len, sides)) == len(np.unique(np.concatenate(sides))) == len(table)
    sources = [set(table.sources[side]) for side in sides]
    assert (
        not sources[0] & sources[1] and not sources[0] & sources[2] and not sources[1] & sources[2]
    )
    for side, share in zip(sides, (0.595, 0.255, 0.15), strict=True):
        counts = np.bincount(table.targets[side], minlength=10)
        assert np.abs(counts - share * 80).max() <= 2  # one source more or less


def test_draws_differ_by_seed_and_fold_and_repeat(table):
    def draw(seed, fold):
        return draw_split(table, SplitSettings(protocol="random", fold=fold), seed).test.tolist()

    assert draw(0, 1) == draw(0, 1)
    assert draw(0, 1) != draw(0, 2)
    assert draw(0, 1) != draw(1, 1)


def test_published_tests_on_a_stale_draw(esc50_table, tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_bytes(esc50_table.read_bytes())
    table = read_table(tmp_path, check_files=False)
    original = draw_split(table, SplitSettings(protocol="published", fold=1), 0)
    assert [len(s) for s in (original.train, original.val, original.test)] == [1190, 510, 300]
    copies = np.repeat(np.arange(2000), 3)
    split = draw_split(table, SplitSettings(protocol="published", fold=1), 0, copies)
    pool = np.concatenate([split.train, split.val])
    assert len(pool) == 4 * 1700  # the clips left out are those of a second draw
    assert len(split.val) == round(0.15 * len(pool))
    assert np.array_equal(split.test, original.test)
    tested_in_pool = np.isin(split.test, split.clip_of[pool]).mean()
    assert 0.78 < tested_in_pool < 0.92  # 85% but for chance
    assert np.isin(split.clip_of[split.val], split.clip_of[split.train]).mean() > 0.9


def test_a_fold_that_the_table_lacks_is_refused(tmp_path):
    table = make_table(tmp_path, folds=(1, 2, 3))
    with pytest.raises(
        UserError, match=r"split\.fold=4 is not a fold of .*: choose one of 1, 2, 3"
    ):
        draw_split(table, SplitSettings(protocol="literature", fold=4), 0)


def test_a_side_without_clips_is_refused(tmp_path):
    table = make_table(tmp_path, folds=(2, 4))
    with pytest.raises(UserError, match=r"split\.fold=2 leaves no training clips of the 48"):
        draw_split(table, SplitSettings(protocol="official", fold=2), 0)


def test_of_two_folds_none_is_left_for_training_beside_validation(tmp_path):
    two = make_table(tmp_path, folds=(1, 2))
    with pytest.raises(UserError, match=r"leaves no training clips .* so use split=literature"):
        draw_split(two, SplitSettings(protocol="official", fold=1), 0)
    assert len(draw_split(two, SplitSettings(protocol="literature", fold=1), 0).train)


def test_official_validates_on_the_next_of_the_folds_there_are(tmp_path):
    table = make_table(tmp_path, folds=(1, 3, 4))
    for fold, following in ((1, 3), (3, 4), (4, 1)):
        split = draw_split(table, SplitSettings(protocol="official", fold=fold), 0)
        assert set(table.folds[split.val]) == {following}


def test_a_draw_beyond_the_last_is_refused(table):
    with pytest.raises(
        UserError, match=r"split\.fold=6 is not one of 5 draws: choose one of 1, 2, 3, 4, 5"
    ):
        draw_split(table, SplitSettings(protocol="random", fold=6), 0)


def test_a_given_split_is_the_tables(table):
    settings = SplitSettings(protocol="given", fold=1)
    with pytest.raises(UserError, match=r"split=given takes train, val and test from the data set"):
        draw_split(table, settings, 0)
    sides = np.array(["train", "val", "test"])[np.arange(len(table)) % 3]
    split = draw_split(replace(table, sides=sides), settings, 0)
    assert np.array_equal(split.train, np.flatnonzero(sides == "train"))
    assert np.array_equal(split.val, np.flatnonzero(sides == "val"))
    assert np.array_equal(split.test, np.flatnonzero(sides == "test"))
    sides[sides == "val"] = "train"
    assert draw_split(replace(table, sides=sides), settings, 0).val.size == 0
    with pytest.raises(UserError, match=r"split\.fold=2 is not 1, the one split that is given"):
        draw_split(table, SplitSettings(protocol="given", fold=2), 0)


def test_folds_are_any_numbers_and_so_many_are_the_draws(tmp_path):
    table = make_table(tmp_path, folds=(0, 3, 7, 10))
    assert choosable_folds(table, "official") == [0, 3, 7, 10]
    assert choosable_folds(table, "random") == [1, 2, 3, 4]
    split = draw_split(table, SplitSettings(protocol="official", fold=10), 0)
    assert set(table.folds[split.val]) == {0} and set(table.folds[split.train]) == {3, 7}


@pytest.mark.parametrize(("sides", "instead"), [(None, "random"), ("train", "given")])
def test_one_fold_is_too_few_for_folds(tmp_path, sides, instead):
    table = make_table(tmp_path, folds=(1,))
    table = replace(table, sides=None if sides is None else np.array([sides] * len(table)))
    with pytest.raises(UserError, match=f"takes two folds or more, .* use split={instead}"):
        draw_split(table, SplitSettings(protocol="official", fold=1), 0)


def test_all_folds_at_once_are_no_split(table):
    with pytest.raises(UserError, match=r"split\.fold=all is every fold in turn"):
        draw_split(table, SplitSettings(protocol="official", fold="all"), 0)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"fold": -1}, "split.fold=-1 is invalid: it takes a whole number of at least 0, or all"),
        ({"fold": True}, "split.fold=True is invalid: it takes a whole number of at least 0"),
        ({"protocol": "fair"}, "it takes one of official, literature, random, published, given"),
        ({"val": 1.5}, "split.val=1.5 is invalid: it takes a number from 0 to 1"),
        ({"val": 0.6, "test": 0.4}, "split.val=0.6 and split.test=0.4 leave nothing to train on"),
        ({"keep_sources": 1}, "split.keep_sources=1 is invalid: it takes true or false"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, sentence):
    with pytest.raises(UserError) as caught:
        SplitSettings.parse("split", {"protocol": "random", "fold": 1} | wrong)
    assert sentence in str(caught.value)

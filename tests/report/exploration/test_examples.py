import numpy as np

from esc50.data.tables.table import read_table
from esc50.report.exploration.examples import choose_examples, show_examples
from esc50.report.exploration.statistics import ClipStatistics


def test_examples_are_of_different_recordings_where_there_are_some(esc50_table):
    table = read_table(esc50_table.parent, check_files=False, table=esc50_table)
    chosen = choose_examples(ClipStatistics(table, (), {}), 3)
    assert len(chosen) == 50
    for target, clips in enumerate(chosen):
        assert (table.targets[clips] == target).all()
        assert len(set(table.sources[clips])) == len(clips) == 3


def test_a_class_of_few_clips_shows_them_all(explored):
    chosen = choose_examples(explored.statistics, 100)
    assert [len(clips) for clips in chosen] == [10, 10, 10, 9]
    assert len(np.unique(np.concatenate(chosen))) == 39


def test_an_example_is_seen_and_heard_and_one_deleted_since_has_no_sound(explored, tmp_path):
    from dataclasses import replace

    statistics = explored.statistics
    (first, *_), *_ = show_examples(statistics, explored.features, explored.spec, 1, 0.2, 1)
    assert first.logmel.startswith("data:image/png") and first.outline.startswith("M0 ")
    assert first.sound.startswith("data:audio/ogg") and "0.50\N{NO-BREAK SPACE}s" in first.words
    gone = replace(statistics, table=replace(statistics.table, audio_root=tmp_path))
    (first, *_), *_ = show_examples(gone, explored.features, explored.spec, 1, 0.2, 1)
    assert first.outline is first.sound is None and first.logmel

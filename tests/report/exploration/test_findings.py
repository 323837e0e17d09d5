from dataclasses import replace

import numpy as np

from esc50.data.audit import audit_split
from esc50.data.split import SplitSettings, draw_split
from esc50.report.exploration.duplicates import Duplicates, clip_sides
from esc50.report.exploration.findings import find_faults
from esc50.report.exploration.statistics import ClipStatistics


def found(explored, statistics=None, spec=None, duplicates=None):
    statistics = statistics or explored.statistics
    split = draw_split(explored.table, SplitSettings(protocol="official", fold=1), 1)
    audit = audit_split(explored.table, split, explored.digests)
    sides = clip_sides(split, len(explored.table))
    duplicates = duplicates or Duplicates((), ())
    return find_faults(statistics, spec or explored.spec, duplicates, audit, sides)


def test_the_gravest_come_first_and_name_their_clips(explored):
    findings = found(explored)
    assert [finding.grave for finding in findings] == sorted(
        (finding.grave for finding in findings), reverse=True
    )
    assert findings[0].clips == ("4-431-A-3.wav",)
    silent = next(finding for finding in findings if finding.sentence.startswith("Silent"))
    assert silent.grave and silent.clips == ("1-131-A-3.wav",)
    clipped = next(finding for finding in findings if finding.sentence.startswith("Clipped"))
    assert not clipped.grave and clipped.clips == ("2-231-A-3.wav",)
    assert any("LEAKY" in finding.sentence for finding in findings)


def test_lengths_and_rates_are_held_against_the_features(explored):
    longer = explored.spec.model_copy(update={"seconds": 1.0, "sample_rate": 16000})
    said = " ".join(finding.sentence for finding in found(explored, spec=longer))
    assert "Clips shorter than features.seconds=1: 39" in said
    assert "Clips sampled below features.sample_rate=16000 Hz: 39" in said


def test_a_kind_of_file_for_each_class_is_grave(explored):
    table = explored.table
    measures = tuple(
        replace(measures, sample_rate=8000 + int(target))
        for measures, target in zip(explored.statistics.measures, table.targets, strict=True)
    )
    measures = tuple(replace(one, channels=1) for one in measures)
    findings = found(explored, ClipStatistics(table, measures, {}))
    kinds = next(finding for finding in findings if "Kinds of file" in finding.sentence)
    assert kinds.grave and "by that alone" in kinds.sentence


def test_pairs_on_two_sides_and_under_two_classes_are_counted(explored):
    folds, targets = explored.table.folds, explored.table.targets
    tested = np.flatnonzero((folds == 1) & (targets == 0))
    trained = np.flatnonzero((folds == 3) & (targets == 1))
    duplicates = Duplicates((), ((int(tested[0]), int(trained[0])), tuple(map(int, tested))))
    said = " ".join(finding.sentence for finding in found(explored, duplicates=duplicates))
    assert "Pairs nearly alike: 2. Of them on two sides of the chosen split: 1" in said
    assert "under two classes: 1" in said


def test_a_class_that_lacks_a_fold_is_grave_and_sizes_are_compared(explored):
    table, statistics = explored.table, explored.statistics
    keep = (table.targets != 0) | np.isin(table.folds, (1, 2))
    measures = tuple(m for m, kept in zip(statistics.measures, keep, strict=True) if kept)
    less = ClipStatistics(table.select(keep), measures, {})
    spec, none = explored.spec, Duplicates((), ())
    findings = find_faults(less, spec, none, None, [""] * len(less.table))
    assert findings[0].sentence.startswith("Classes without a clip in some fold: 1 of 4")
    assert any("has 4 clips, " in finding.sentence for finding in findings)


def test_a_recording_of_several_classes_is_odd_unless_its_parts_are_clips(explored):
    table, measures = explored.table, explored.statistics.measures
    one = replace(table, sources=np.array(["tape"] * len(table)))
    parts = replace(one, offsets=np.zeros(len(table)))
    for clips, odd in ((one, True), (parts, False)):
        said = [
            finding.sentence for finding in found(explored, ClipStatistics(clips, measures, {}))
        ]
        assert any("Recordings filed under several classes: 1" in one for one in said) == odd

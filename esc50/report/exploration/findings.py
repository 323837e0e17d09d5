"""What a careful person should look at before training, the gravest first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from esc50.audio.spec import Spec
from esc50.data.audit import Audit
from esc50.data.tables.table import ClipTable
from esc50.report.exploration.duplicates import Duplicates, shared_sources, straddles
from esc50.report.exploration.statistics import ClipStatistics

SILENT_DBFS = -70.0  # below it as a whole, a clip holds nothing to hear
CLIPPED_PART = 1e-3  # of the samples
DC = 0.01  # of full scale
ZEROS_PART = 0.25  # of a clip that is digital silence
IMBALANCE = 2.0  # times as many clips in the largest class as in the smallest
LENGTH_SLACK = 0.01  # seconds


@dataclass(frozen=True)
class Finding:
    """A thing to mend (`grave`) or to know, and the clips that it is about."""

    grave: bool
    sentence: str
    clips: tuple[str, ...] = ()


def find_faults(
    statistics: ClipStatistics,
    spec: Spec,
    duplicates: Duplicates,
    audit: Audit | None,
    sides: Sequence[str],
) -> list[Finding]:
    """List all that is worth a look in a data set.

    Args:
        statistics: of its clips.
        spec: of the features that a network would see.
        duplicates: among the clips.
        audit: of the chosen split, if it can be made.
        sides: the side of that split which each clip is on.
    """
    found = [
        *_unreadable(statistics),
        *_leaks(audit),
        *_repeated(statistics.table, duplicates, sides),
        *_classes(statistics.table),
        *_sound(statistics, spec),
        *_formats(statistics, spec),
    ]
    return sorted(found, key=lambda finding: not finding.grave)


def _unreadable(statistics: ClipStatistics) -> Iterator[Finding]:
    if statistics.faults:
        yield Finding(
            True,
            f"Clips that cannot be read: {len(statistics.faults)}. Training would stop there; all "
            "else on this page is about the others. The first: "
            f"{next(iter(statistics.faults.values()))}",
            tuple(statistics.faults),
        )


def _leaks(audit: Audit | None) -> Iterator[Finding]:
    if audit is not None and audit.leaky:
        leaks = [crossing for crossing in audit.crossings if crossing.leaks]
        names = [clip for crossing in leaks for clip in crossing.clips[0]]
        yield Finding(True, f"The chosen split is {audit.sentence}", _unique(names))


def _repeated(table: ClipTable, duplicates: Duplicates, sides: Sequence[str]) -> Iterator[Finding]:
    for kind, groups in (("exact", duplicates.exact), ("near", duplicates.near)):
        if not groups:
            continue
        targets = table.targets
        apart = sum(straddles(group, sides) for group in groups)
        mixed = sum(len({targets[clip] for clip in group}) > 1 for group in groups)
        what = "Groups of exactly the same sound" if kind == "exact" else "Pairs nearly alike"
        yield Finding(
            kind == "exact",
            f"{what}: {len(groups)}. Of them on two sides of the chosen split: {apart}, filed "
            f"under two classes: {mixed}.",
            _unique(table.filenames[clip] for group in groups for clip in group),
        )


def _classes(table: ClipTable) -> Iterator[Finding]:
    folds, fold = np.unique(table.folds, return_inverse=True)
    counts = np.zeros((len(table.classes), len(folds)), int)
    np.add.at(counts, (table.targets, fold), 1)
    lacking = [table.classes[c] for c in np.flatnonzero((counts == 0).any(1))]
    if lacking:
        yield Finding(
            True,
            f"Classes without a clip in some fold: {len(lacking)} of {len(table.classes)}. They are"
            f" not tested or not trained there: {_some(lacking)}.",
        )
    sizes = counts.sum(1)
    if sizes.max() > IMBALANCE * sizes.min():
        least, most = int(sizes.argmin()), int(sizes.argmax())
        yield Finding(
            False,
            f"Classes differ in size: {table.classes[least]} has {sizes[least]} clips, "
            f"{table.classes[most]} {sizes[most]}. Accuracy favours the large ones; look at "
            "balanced accuracy.",
        )
    # Parts are events, of which a recording may hold several kinds.
    if table.offsets is None and (shared := shared_sources(table)):
        of_them = np.isin(table.sources, list(shared))
        names = [table.filenames[clip] for clip in np.flatnonzero(of_them)]
        yield Finding(
            False,
            f"Recordings filed under several classes: {len(shared)}. Is a label wrong?",
            tuple(names),
        )


def _sound(statistics: ClipStatistics, spec: Spec) -> Iterator[Finding]:
    value = statistics.values
    seconds, samples = value("duration"), value("duration") * value("sample_rate")
    level, zeros = value("rms_dbfs"), value("leading_zeros") + value("trailing_zeros")
    silent = ~(level > SILENT_DBFS)
    checks = [
        (
            True,
            silent,
            f"Silent clips (below {SILENT_DBFS:g} dBFS)",
            "Nothing can be learnt of them.",
        ),
        (
            False,
            (zeros > ZEROS_PART * seconds) & ~silent,
            f"Clips with digital silence at their ends for more than {ZEROS_PART:.0%} of them",
            "features.repeat_below can fill it with the sound.",
        ),
        (
            False,
            value("clipped") > CLIPPED_PART * samples,
            f"Clipped clips (more than {CLIPPED_PART:.1%} of the samples at full scale)",
            "Clipping adds harmonics that the sound did not have.",
        ),
        (
            False,
            np.abs(value("dc")) > DC,
            f"Clips with a constant offset (DC) above {DC:.0%} of full scale",
            "It shows in the lowest mel rows.",
        ),
        (
            False,
            seconds > spec.seconds + LENGTH_SLACK,
            f"Clips longer than features.seconds={spec.seconds:g}",
            "What follows is never heard.",
        ),
        (
            False,
            seconds < spec.seconds - LENGTH_SLACK,
            f"Clips shorter than features.seconds={spec.seconds:g}",
            "They are padded with silence.",
        ),
    ]
    yield from _of_clips(statistics.table, checks)


def _formats(statistics: ClipStatistics, spec: Spec) -> Iterator[Finding]:
    rates = statistics.values("sample_rate")
    low = rates < spec.sample_rate
    what = f"Clips sampled below features.sample_rate={spec.sample_rate} Hz"
    why = "Nothing is in the upper rows of their log-mels."
    yield from _of_clips(statistics.table, [(False, low, what, why)])
    kinds = [(m.encoding, m.sample_rate, m.channels) for m in statistics.measures]
    targets = statistics.table.targets
    by_class = {(target, kind) for target, kind in zip(targets.tolist(), kinds, strict=True)}
    n_kinds, n_classes = len(set(kinds)), len(statistics.table.classes)
    if n_kinds > 1:
        alone = " Each class has one of its own, so a network can tell them apart by that alone."
        yield Finding(
            len(by_class) == n_classes and n_classes > 1,
            f"Kinds of file (encoding, rate, channels): {n_kinds}."
            + (alone if len(by_class) == n_classes else ""),
        )


def _of_clips(
    table: ClipTable, checks: Iterable[tuple[bool, np.ndarray, str, str]]
) -> Iterator[Finding]:
    for grave, which, what, why in checks:
        if which.any():
            names = tuple(table.filenames[clip] for clip in np.flatnonzero(which))
            yield Finding(grave, f"{what}: {len(names)}. {why}", names)


def _some(names: Sequence[str], n: int = 5) -> str:
    return ", ".join(names[:n]) + (", ..." if len(names) > n else "")


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))

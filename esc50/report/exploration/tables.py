"""Tables and lists of the page about a data set."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from esc50.data.split import Split
from esc50.data.tables.parts import part_mark
from esc50.data.tables.table import ClipTable
from esc50.report.exploration.duplicates import Duplicates, straddles
from esc50.report.exploration.statistics import ClipStatistics
from esc50.results.display.tables import Table

SHOWN = 200  # groups of duplicates in the page; there is hardly a use for more


def facts(statistics: ClipStatistics, protocol: str, fold: object, split: Split | None) -> Table:
    """Say how much there is of everything."""
    table = statistics.table
    seconds = statistics.values("duration")
    rows = [
        ["clips", f"{len(table):,}"],
        ["classes", str(len(table.classes))],
        ["folds", ", ".join(map(str, np.unique(table.folds)))],
        ["recordings", f"{len(np.unique(table.sources)):,}"],
        ["durations", f"{seconds.min():.2f} to {seconds.max():.2f} s"],
        ["all together", f"{seconds.sum() / 60:,.1f} minutes"],
    ]
    if split is not None:
        sizes = [f"{len(getattr(split, side)):,} {side}" for side in ("train", "val", "test")]
        rows.append([f"split {protocol}, fold {fold}", ", ".join(sizes)])
    return Table("Clips, classes and folds", ["", ""], rows, n_names=2)


def file_kinds(statistics: ClipStatistics) -> Table:
    """Count the clips of each kind of file."""
    kinds = Counter(
        (m.format, m.encoding, m.bits, m.sample_rate, m.channels) for m in statistics.measures
    )
    rows = [
        [name, encoding, "-" if np.isnan(bits) else f"{bits:g}", *(f"{x:,}" for x in (*rest, n))]
        for (name, encoding, bits, *rest), n in kinds.most_common()
    ]
    columns = ["format", "encoding", "bits", "rate (Hz)", "channels", "clips"]
    return Table("Kinds of file", columns, rows, n_names=2)


def levels(statistics: ClipStatistics) -> Table:
    """Say how numbers about levels and faults spread over all clips."""
    names = {
        "rms_dbfs": ("level (dBFS)", 1),
        "lufs": ("loudness (LUFS)", 1),
        "peak": ("peak (full scale 1)", 3),
        "dc": ("offset, DC (full scale 1)", 5),
        "clipped": ("clipped samples", 0),
        "silent": ("silent part (below -60 dBFS)", 2),
        "leading_zeros": ("digital silence at the beginning (s)", 2),
        "trailing_zeros": ("digital silence at the end (s)", 2),
    }
    rows = []
    for field, (name, digits) in names.items():
        values = statistics.values(field)
        values = values[np.isfinite(values)]
        if values.size:
            quarters = np.percentile(values, [0, 25, 50, 75, 100])
            rows.append([name, *(f"{number:,.{digits}f}" for number in quarters)])
    columns = ["", "least", "25%", "median", "75%", "greatest"]
    return Table("Levels, over all clips", columns, rows)


def duplicate_table(table: ClipTable, duplicates: Duplicates, sides: Sequence[str]) -> Table:
    """List clips that are there more than once, those on two sides of the split first."""
    groups = [("exact", group) for group in duplicates.exact]
    groups += [("near", group) for group in duplicates.near]
    groups.sort(key=lambda kind_group: not straddles(kind_group[1], sides))
    rows = [
        [
            ", ".join(table.filenames[clip] for clip in group),
            kind,
            ", ".join(dict.fromkeys(table.classes[table.targets[clip]] for clip in group)),
            ", ".join(dict.fromkeys(sides[clip] or "none" for clip in group)),
            "yes" if straddles(group, sides) else "no",
        ]
        for kind, group in groups[:SHOWN]
    ]
    rest = f"and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
    columns = ["clips", "kind", "classes", "sides", "on two sides"]
    return Table("Clips that are there more than once", columns, rows, n_names=4, note=rest)


def clip_cards(statistics: ClipStatistics, folder: Path) -> list[list[Any]]:
    """List what the page says of a clip chosen on the map: name, class, words, where it lies.

    Args:
        statistics: of the clips.
        folder: of the page; where the clips lie is relative to it. A player keeps to the part of a
            file that the address says at its end.
    """
    table = statistics.table
    return [
        [
            table.filenames[clip],
            int(table.targets[clip]),
            f"fold {table.folds[clip]}, {m.duration:.2f} s, centroid {m.centroid:,.0f} Hz, "
            f"zero-crossing rate {m.zero_crossing_rate:.3f}, {m.rms_dbfs:.1f} dBFS",
            quote(os.path.relpath(path, folder).replace(os.sep, "/"))
            + _fragment(table, clip, m.duration),
        ]
        for clip, (m, path) in enumerate(zip(statistics.measures, table.paths, strict=True))
    ]


def _fragment(table: ClipTable, clip: int, seconds: float) -> str:
    if table.offsets is None:
        return ""
    start, end = table.span(clip)
    return part_mark(start, start + seconds if table.ends is None else end)


def clips_by_class(table: ClipTable) -> list[tuple[str, list[tuple[int, str]]]]:
    """List the clips of each class: index and name."""
    return [
        (name, [(int(clip), table.filenames[clip]) for clip in np.flatnonzero(table.targets == c)])
        for c, name in enumerate(table.classes)
    ]

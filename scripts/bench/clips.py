"""Clips to measure on: copies of a data set in one format, and larger sets made of links."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import soundfile
import soxr

from esc50.data.tables.table import ClipTable, read_table
from esc50.errors import UserError

BLOCK = 44_100  # samples written at a time: libsndfile's Vorbis encoder overflows on whole clips
MIB = 1 << 20


def copy_as(source: Path, folder: Path, suffix: str, n: int, rate: int | None = None) -> Path:
    """Copy up to `n` clips, evenly taken, in ESC-50 layout, as .wav, .ogg or .mp3 of any rate."""
    table = read_table(source)
    rows = np.arange(min(n, len(table))) * len(table) // min(n, len(table))
    (folder / "audio").mkdir(parents=True)
    names, paths = [], table.paths
    for row in rows:
        path = paths[row]
        names.append(f"{path.stem}{suffix}")
        target = folder / "audio" / names[-1]
        if path.suffix == suffix and rate is None:
            shutil.copyfile(path, target)
        else:
            _convert(path, target, rate)
    _write_table(folder, table, rows, names)
    return folder


def link(source: Path, folder: Path, n: int) -> Path:
    """Make a set of `n` clips out of hard links to those in `source`, evenly taken.

    All links to a clip lie in its fold, so that the set does not leak. Links take no room, and all
    clips come from the page cache: reading from a disk is not measured.
    """
    table = read_table(source)
    rows = np.arange(n) * len(table) // n
    (folder / "audio").mkdir(parents=True)
    names, paths = [], table.paths
    for number, row in enumerate(rows):
        path = paths[row]
        names.append(f"{table.folds[row]}-{number}-A-{table.labels[row]}{path.suffix}")
        try:
            os.link(path, folder / "audio" / names[-1])
        except OSError:  # a file system without links, or with few
            shutil.copyfile(path, folder / "audio" / names[-1])
    _write_table(folder, table, rows, names)
    return folder


def check_space(folder: Path, n: int, bytes_per_clip: int) -> None:
    """Refuse to begin what would fill the disk."""
    needed, free = n * bytes_per_clip * 1.2 / MIB, shutil.disk_usage(folder).free / MIB
    if needed > free:
        raise UserError(
            f"{folder} has {free:,.0f} MiB free and {n:,} clips need {needed:,.0f}: name a larger "
            "place with --scratch"
        )


def _convert(path: Path, target: Path, wanted: int | None) -> None:
    samples, rate = soundfile.read(path, dtype="int16")
    if wanted is not None:
        samples, rate = soxr.resample(samples, rate, wanted), wanted
    subtype = {".wav": "PCM_16", ".ogg": "VORBIS", ".mp3": "MPEG_LAYER_III"}[target.suffix]
    with soundfile.SoundFile(target, "w", rate, 1, subtype) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(samples[start : start + BLOCK])


def _write_table(folder: Path, table: ClipTable, rows: np.ndarray, names: list[str]) -> None:
    category = dict(zip(table.class_labels.tolist(), table.classes, strict=True))
    (folder / "meta").mkdir()
    with (folder / "meta" / "esc50.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("filename", "fold", "target", "category"))
        for name, row in zip(names, rows, strict=True):
            label = int(table.labels[row])
            writer.writerow((name, table.folds[row], label, category[label]))

"""A small data set of synthesised sound in ESC-50 layout, to try everything without a download."""

import csv
import os
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from esc50.data.progress_bar import progress_bar
from esc50.data.sets.build_folder import build_folder
from esc50.data.sets.synthesis import RATE, SOUNDS, record
from esc50.data.tables.table import ESC10_LABELS, ESC50_CLASSES, MARKER

FOLDS = (1, 2, 3, 4, 5)  # as ESC-50 has them
VERSION = 1  # of the sounds: raise it when their samples change
FIRST_SOURCE = 900_001  # beyond ESC-50's own numbers, so that no clip is mistaken for a real one


def make_demo(root: Path, seed: int = 0, clips_per_fold: int = 2) -> None:
    """Write 10 classes x 5 folds x `clips_per_fold` clips of synthesised sound to `root`.

    The clips are 5 s, 44.1 kHz, mono, 16 bit, named `{fold}-{source}-{take}-{target}.wav` with
    ESC-50's class names and target numbers, two classes of each super-category. About half of
    the sources have two takes; a source lies in one fold. The file `SYNTHETIC` beside them marks
    the sound as made up and holds the parameters; the same ones are not made again.

    Each clip has a seed of its own, so neither order nor threads change a byte.

    Args:
        root: the folder to make; it appears whole or not at all.
        seed: from 0.
        clips_per_fold: clips of each class in each fold, from 1.

    Raises:
        UserError: `root` is taken or unwritable.
    """
    mark = (
        "Synthesised sound, not recordings: results on it say nothing about real sound "
        f"(version {VERSION}, seed {seed}, {clips_per_fold} clips a class and fold).\n"
    )

    def ready() -> bool:
        return (root / MARKER).is_file() and (root / MARKER).read_text() == mark

    def build(folder: Path) -> None:
        rows = list(_plan(seed, clips_per_fold))
        (folder / "audio").mkdir()
        _write_clips(folder / "audio", seed, rows)
        (folder / "meta").mkdir()
        with (folder / "meta" / "esc50.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        (folder / MARKER).write_text(mark)

    build_folder(root, ready, build)


def _plan(seed: int, clips_per_fold: int) -> Iterator[dict[str, Any]]:
    """The table's rows: sources of one or two takes fill each class of each fold."""
    source = FIRST_SOURCE
    for fold in FOLDS:
        for label in SOUNDS:
            pairs = np.random.default_rng([seed, fold, label])
            left = clips_per_fold
            while left:
                takes = "AB" if left > 1 and pairs.uniform() < 0.5 else "A"
                for take in takes:
                    yield {
                        "filename": f"{fold}-{source}-{take}-{label}.wav",
                        "fold": fold,
                        "target": label,
                        "category": ESC50_CLASSES[label],
                        "esc10": label in ESC10_LABELS,
                        "src_file": source,
                        "take": take,
                    }
                left -= len(takes)
                source += 1


def _write_clips(folder: Path, seed: int, rows: list[dict[str, Any]]) -> None:
    def write(row: dict[str, Any]) -> None:
        entropy = [seed, row["target"], row["src_file"]]
        take = np.random.default_rng([*entropy, 1 + ord(row["take"])])
        clip = record(row["target"], np.random.default_rng(entropy), take)
        # By a file of our own: of one that may not be written, `wave` would print a traceback.
        with (folder / row["filename"]).open("wb") as file, wave.open(file, "wb") as wav:
            wav.setparams((1, 2, RATE, clip.size, "NONE", "not compressed"))
            wav.writeframes(clip.astype("<i2").tobytes())

    # NumPy and pocketfft release the interpreter's lock for most of a clip.
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress_bar("making demo sound", len(rows)) as advance,
    ):
        for _ in pool.map(write, rows):
            advance()

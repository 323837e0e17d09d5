"""Own clips: one sub-folder per class."""

import re
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path

import numpy as np

from esc50.data.table import FOLDS, MARKER, ClipTable, name_fault, read_table, source_and_take
from esc50.errors import UserError

SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf"}
    | {".w64", ".rf64"}
)  # what libsndfile reads and people have
TAKE_SUFFIX = re.compile(r"(?:[ _-]+(?:take|part|seg|segment|chunk)?[ _-]*\d+|\s*\(\d+\))$", re.I)


def read_folder(folder: Path | str, takes: bool = True) -> ClipTable:
    """Make a clip table of `folder/<class>/<clip>`, without writing to the folder.

    Classes are the sub-folders in alphabetical order, targets their numbers from 0. Hidden files,
    and files that are not sound by their suffix, are passed over.

    Folds 1 to 5 are assigned by source, so that no recording is on both sides of a split: within
    each class the sources, those with most clips first and in an order fixed by their names,
    go to the fold that holds fewest clips of the class so far. The same files get the same folds.

    The source of a clip is, within its class,
    - the source in an ESC-50 file name, `{fold}-{source}-{take}-{target}`; otherwise
    - the file's stem without a take at its end: `_1`, `-03`, ` 2`, ` (2)`, `_take2`, `-part 4`.
    With `takes=False` each file is a source of its own: right only if no two clips were cut from
    one recording. To give folds and sources yourself, put `meta/esc50.csv` in the folder and the
    clips in `audio/`: it is then read as a table (`read_table`).

    Args:
        folder: the folder of the class folders.
        takes: whether names that differ only in a number at their end are takes of one source.

    Raises:
        UserError: no such folder, no classes, no clips, or a class with fewer than 5 sources.
    """
    folder = Path(folder)
    if (folder / "meta" / "esc50.csv").exists():
        return read_table(folder)
    by_class = _list_clips(folder)
    filenames, folds, labels, sources, parts = [], [], [], [], []
    totals = np.zeros(len(FOLDS), dtype=np.int64)  # clips in each fold, all classes
    for label, (category, names) in enumerate(by_class.items()):
        source_of = {name: _source(name, takes) for name in names}
        fold_of = _assign_folds(folder / category, list(source_of.values()), totals)
        seen: dict[str, int] = defaultdict(int)
        for name, source in source_of.items():
            seen[source] += 1
            filenames.append(f"{category}/{name}")
            folds.append(fold_of[source])
            labels.append(label)
            sources.append(f"{category}/{source}")
            parts.append(str(seen[source]))
    return ClipTable(
        root=folder,
        audio_root=folder,
        filenames=tuple(filenames),
        folds=np.array(folds, dtype=np.int64),
        labels=np.array(labels, dtype=np.int64),
        sources=np.array(sources),
        takes=np.array(parts),
        classes=tuple(by_class),
        class_labels=np.arange(len(by_class), dtype=np.int64),
        synthetic=(folder / MARKER).exists(),
    )


def _list_clips(folder: Path) -> dict[str, list[str]]:
    """File names by class, both sorted."""
    try:
        classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder} cannot be read as a folder: {error.strerror}.") from None
    if not classes:
        raise UserError(f"{folder} has no sub-folders: data=folder takes one sub-folder per class.")
    by_class = {
        path.name: sorted(
            p.name
            for p in path.iterdir()
            if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
        )
        for path in classes
    }
    if not any(by_class.values()):
        raise UserError(
            f"{folder} holds no sound in its sub-folders: {' '.join(sorted(SUFFIXES))}."
        )
    for category, names in by_class.items():
        for name in (category, *names):
            if fault := name_fault(name):
                raise UserError(f"{folder}: the name {name!r} {fault}: rename it.")
    return by_class


def _source(name: str, takes: bool) -> str:
    """The recording that a clip comes from, by its file name; see `read_folder`."""
    if not takes:
        return name
    stem = Path(name).stem
    parsed = source_and_take(stem)
    return parsed[0] if parsed else TAKE_SUFFIX.sub("", stem) or stem


def _assign_folds(folder: Path, sources: list[str], totals: np.ndarray) -> dict[str, int]:
    """Choose the fold of each source of one class; adds to `totals`, which breaks ties."""
    names, clips = np.unique(sources, return_counts=True)
    if len(names) < len(FOLDS):
        raise UserError(
            f"{folder} holds {len(sources)} clips of {len(names)} sources, and {len(FOLDS)} are "
            "needed, one per fold: names that differ only in a number at their end count as one "
            "source unless data.takes=false."
        )
    count_of = dict(zip(names.tolist(), clips.tolist(), strict=True))
    order = sorted(count_of, key=lambda name: (-count_of[name], blake2b(name.encode()).digest()))
    counts = np.zeros(len(FOLDS), dtype=np.int64)
    fold_of = {}
    for name in order:
        least = min(range(len(FOLDS)), key=lambda k: (counts[k], totals[k]))
        counts[least] += count_of[name]
        totals[least] += count_of[name]
        fold_of[name] = FOLDS[least]
    return fold_of

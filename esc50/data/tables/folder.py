"""Own clips: one sub-folder per class, or train/, val/ and test/ with one per class in each."""

import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from esc50.data.notices import notice, some
from esc50.data.tables.columns import (
    NO_FOLD,
    SIDE_OF,
    check_class,
    number_classes,
    source_and_take,
)
from esc50.data.tables.files import PassedOver, answers, list_folder
from esc50.data.tables.table import MARKER, ClipTable, read_table
from esc50.errors import UserError

NAMED_TAKE = re.compile(r"[ _-]+(?:take|part|seg|segment|chunk)[ _-]*\d+$", re.I)
NUMBERED = re.compile(r"(?:[ _-]+(?:take|part|seg|segment|chunk)?[ _-]*\d+|\s*\(\d+\))$", re.I)
ENOUGH = 5  # recordings that numbered names must leave in a class to be taken for takes


class _Clip(NamedTuple):
    side: str  # train, val, test; "" where the folder does not say
    category: str
    name: str  # relative to the folder


def read_folder(folder: Path | str, takes: bool | None = None) -> ClipTable:
    """Make a clip table of `folder/<class>/<clip>`, without writing to the folder.

    Classes are the sub-folders, targets as `number_classes` gives them. Where all
    sub-folders are called train, val or test, the classes are theirs, and each clip has its side;
    one such folder among others is a class.
    What is no clip is passed over, and counted. Folds are left to be made: see `give_folds`.

    The source of a clip is, within its class,
    - the source in an ESC-50 file name, `{fold}-{source}-{take}-{target}`; otherwise
    - the file's stem without a take at its end that says so: `_take2`, `-part 4`; otherwise
    - the file's stem without a number at its end (`_1`, `-03`, ` (2)`), where `takes` is true, or
      where it is None and at least ENOUGH different stems are left in the class: of `dog_1` to
      `dog_20` nobody can tell whether they are one recording, of twenty stems with three numbers
      each it is likely.
    With `takes=False` each file is a source of its own: right only if no two clips were cut from
    one recording. With `meta/esc50.csv` in the folder and the clips in `audio/` it is read as a
    table (`read_table`).

    Args:
        folder: the folder of the class folders.
        takes: whether names that differ only in a number at their end are takes of one source.

    Raises:
        UserError: no such folder, no classes, no clips, folders that are only in part the sides of
            a split, or a name that is unfit.
    """
    folder = Path(folder)
    if (folder / "meta" / "esc50.csv").exists():
        return read_table(folder)
    clips = _list_clips(folder)
    numbers, classes = number_classes(clip.category for clip in clips)
    number_of = dict(zip(classes, numbers.tolist(), strict=True))
    for category in classes:
        if fault := check_class(category):
            raise UserError(f"{folder}: the class folder {category!r} {fault}.")
    sources = _sources(clips, takes)
    seen: dict[str, int] = defaultdict(int)
    parts = []
    for source in sources:
        seen[source] += 1
        parts.append(str(seen[source]))
    given = any(clip.side for clip in clips)
    return ClipTable(
        root=folder,
        audio_root=folder,
        filenames=tuple(clip.name for clip in clips),
        folds=np.full(len(clips), 1 if given else NO_FOLD, dtype=np.int64),
        labels=np.array([number_of[clip.category] for clip in clips], dtype=np.int64),
        sources=np.array(sources),
        takes=np.array(parts),
        classes=classes,
        class_labels=numbers,
        synthetic=(folder / MARKER).exists(),
        sides=np.array([clip.side for clip in clips]) if given else None,
    )


def _list_clips(folder: Path) -> list[_Clip]:
    """The clips of all classes, by side, class and name."""
    passed = PassedOver()
    folders, loose = list_folder(folder, "", passed)
    if not folders:
        raise UserError(
            f"{folder} has no sub-folders: data=folder takes one sub-folder per class; clips that "
            "lie side by side take a table (data=csv)."
        )
    for name in loose:
        passed.add(name, "in no class folder")
    sides = [name for name in folders if name.lower() in SIDE_OF]
    if 1 < len(sides) < len(folders):
        raise UserError(_half_split(folder, sides, folders))
    clips = []
    if len(sides) == len(folders):
        for name in folders:
            within, loose = list_folder(folder / name, f"{name}/", passed)
            for clip in loose:
                passed.add(f"{name}/{clip}", "in no class folder")
            for category in within:
                clips += _list_class(folder, SIDE_OF[name.lower()], f"{name}/{category}", passed)
    else:
        for name in folders:
            clips += _list_class(folder, "", name, passed)
    if not clips:
        raise UserError(_nothing_there(folder, folders))
    passed.tell(folder)
    return clips


def _list_class(folder: Path, side: str, place: str, passed: PassedOver) -> list[_Clip]:
    """The clips of one class folder; what lies in folders within is passed over."""
    within, names = list_folder(folder / place, f"{place}/", passed)
    for name in within:
        for path in sorted((folder / place / name).rglob("*")):
            if answers(path.is_file):
                passed.add(path.relative_to(folder).as_posix(), "in a folder within a class folder")
    if not names:
        passed.add(f"{place}/", "folders without a clip")
    # A Mac may write the é of one side in two characters, and Linux that of the other in one.
    category = unicodedata.normalize("NFC", place.rpartition("/")[2])
    return [_Clip(side, category, f"{place}/{name}") for name in names]


def _half_split(folder: Path, sides: list[str], folders: list[str]) -> str:
    others = [name for name in folders if name not in sides]
    return (
        f"{folder} holds {some(others)} beside the sides {some(sides)} of a split: move what is no "
        "side elsewhere, or into one; where all are classes, list the clips in a table (data=csv)."
    )


def _nothing_there(folder: Path, folders: list[str]) -> str:
    deeper = [f for f in folders if any(answers(p.is_dir) for p in (folder / f).iterdir())]
    hint = f": are they in data.root={folder / deeper[0]}?" if deeper else "."
    return f"{folder} holds no sound in its sub-folders {some(folders)}{hint}"


def _sources(clips: list[_Clip], takes: bool | None) -> list[str]:
    """The recording that each clip comes from, by its file name; see `read_folder`."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(clips):
        by_class[clip.category].append(row)
    sources = [""] * len(clips)
    joined: list[str] = []
    apart: list[str] = []
    for category, rows in by_class.items():
        stems = [Path(clips[row].name).stem for row in rows]
        numbered = [_without_take(stem, NUMBERED) for stem in stems]
        named = [_without_take(stem, NAMED_TAKE) for stem in stems]
        if takes is None and len(set(numbered)) < len(set(named)):
            (joined if len(set(numbered)) >= ENOUGH else apart).append(category)
        by_number = takes or (takes is None and len(set(numbered)) >= ENOUGH)
        chosen = numbered if by_number else named
        for row, source in zip(rows, chosen, strict=True):
            place = Path(clips[row].name).parent.as_posix()  # below a side, which counts from 1
            if source_and_take(Path(clips[row].name).stem):
                place = category
            sources[row] = clips[row].name if takes is False else f"{place}/{source}"
    _tell(joined, apart)
    return sources


def _without_take(stem: str, ending: re.Pattern) -> str:
    parsed = source_and_take(stem)
    return parsed[0] if parsed else ending.sub("", stem) or stem


def _tell(joined: list[str], apart: list[str]) -> None:
    """Say what was assumed of clips whose names differ only in a number at their end."""
    if joined:
        notice(
            f"in {some(joined)} clips whose names differ only in a number at their end are taken "
            "for one recording, and stay in one fold (data.takes=false: each file is its own)"
        )
    if apart:
        notice(
            f"in {some(apart)} each file is taken for a recording of its own, though their names "
            "differ only in a number at their end (data.takes=true: they are one)"
        )

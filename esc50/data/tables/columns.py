"""The columns of a table of clips: which mean what, and what they say."""

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from esc50.config.schema.settings import Settings
from esc50.data.notices import notice, some
from esc50.data.tables.files import is_plain, name_fault, unify
from esc50.data.tables.table_file import TableFile
from esc50.errors import UserError

RESERVED = ("clip", "fold", "target", "prediction")  # columns beside the classes' own
ESC50_NAME = re.compile(r"\d+-(?P<source>.+)-(?P<take>[A-Z]+)-\d+")
NO_FOLD = -1  # of clips whose table has no folds, until they are made
WHOLE = re.compile(r"[0-9]{1,9}(?:[.,]0*)?")  # 3.0 is what is left of a 3 beside an empty cell
NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")  # as a class's name
NUMBERED_FOLD = re.compile(r"([^\W\d_]+)[ _-]*([0-9]{1,9})")  # fold1, Fold 10
FIELD = re.compile(r"\{([^{}]+)\}")  # of a pattern that file names are made by
NOTHING = {"", "nan", "none", "null", "na", "n/a", "-", "?", "unknown"}  # written for no source
NO_LABEL = {"nan", "null", "n/a"}  # written for no class, but a class could be called so
FEW = 5  # sources, below which a column of them may be of something else
SIDE_OF = {
    name: side
    for side, names in {
        "train": "train training",
        "val": "val valid validation",
        "test": "test testing eval evaluation",
    }.items()
    for name in names.split()
}


class ColumnNames(Settings):
    """Which columns of a table mean what: each a name, or several of which the first there counts.

    Attributes:
        file: the clip's file, or a pattern of columns, such as `fold{fold}/{slice_file_name}`.
        label: the class's name.
        target: the class's number; None: by the names' order.
        fold: whole numbers, or one word with such numbers (fold1); None: folds are made.
        source: the recording that the clip was cut from; None: each file its own.
        take: which of its source's clips it is.
        split: train, val or test, for split=given.
        start: the second of its file that the clip begins at; None: it is all of the file.
        end: the second that it ends at; None: it is as long as features.seconds.
        duration: how many seconds it lasts, where no column says when it ends.
    """

    file: str | list[str]
    label: str | list[str]
    target: str | list[str] | None = None
    fold: str | list[str] | None = None
    source: str | list[str] | None = None
    take: str | list[str] | None = None
    split: str | list[str] | None = None
    start: str | list[str] | None = None
    end: str | list[str] | None = None
    duration: str | list[str] | None = None


ESC50_COLUMNS = ColumnNames(
    file="filename",
    label="category",
    target="target",
    fold="fold",
    source=["src_file"],
    take=["take"],
)


def source_and_take(stem: str) -> tuple[str, str] | None:
    """Split an ESC-50 file name without its suffix into source and take; None for others."""
    match = ESC50_NAME.fullmatch(stem)
    return (match["source"], match["take"]) if match else None


def check_class(name: str) -> str | None:
    """Say what makes a text unfit to be a class, or None."""
    if not name:
        return "is no name"
    if not is_plain(name):
        return "holds control characters or is not UTF-8"
    if name in RESERVED:
        return "is the name of a column of predictions.csv: call it otherwise"
    return None


def number_classes(names: Iterable[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Target number of each class, in order, and its name.

    They go by the names' order; where all names are whole numbers, each is its own target.
    """
    classes = sorted(set(names))
    if all(NUMBER.fullmatch(name) for name in classes):
        classes.sort(key=int)
        return np.array([int(name) for name in classes], dtype=np.int64), tuple(classes)
    return np.arange(len(classes), dtype=np.int64), tuple(classes)


def read_filenames(file: TableFile, column: str | list[str], outside: bool) -> list[str]:
    """The files, from their column or from a pattern such as `fold{fold}/{name}`."""
    if isinstance(column, str) and FIELD.search(column):
        parts = enumerate(FIELD.split(column))  # text and columns by turns
        cells = [
            file.columns[str(file.find(part))] if number % 2 else [part] * len(file)
            for number, part in parts
        ]
        names = ["".join(row) for row in zip(*cells, strict=True)]
    else:
        names = file.columns[_needed(file, column, "file")]
    names = [unify(name) for name in names]
    for row, name in enumerate(names):
        if fault := name_fault(name, outside):
            raise UserError(f"{file.place(row)}: the file name {name!r} {fault}.")
    return names


def _needed(file: TableFile, column: str | list[str], key: str) -> str:
    found = file.find(column)
    if found is None:
        raise UserError(
            f"{file.path} has no column for data.columns.{key} ({', '.join(column)}): "
            f"{file.described}; name the one that is meant: data.columns.{key}=NAME"
        )
    return found


def read_labels(
    file: TableFile, names: ColumnNames
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Target number of each clip, the classes' target numbers in order, and their names."""
    categories = [
        unicodedata.normalize("NFC", name)
        for name in file.columns[_needed(file, names.label, "label")]
    ]
    for row, category in enumerate(categories):
        if fault := check_class(category):
            raise UserError(f"{file.place(row)}: the category {category!r} {fault}.")
    for void in sorted(name for name in set(categories) if name.casefold() in NO_LABEL):
        notice(
            f"{file.path}: {categories.count(void)} of {len(file)} clips have the class {void!r}: "
            "if that stands for none, take them out of the table"
        )
    column = file.find(names.target)
    if column is None:
        numbers, classes = number_classes(categories)
        number_of = dict(zip(classes, numbers.tolist(), strict=True))
        own = np.array([number_of[category] for category in categories], dtype=np.int64)
        return own, numbers, classes
    labels = _integers(file, column)
    category_of: dict[int, str] = {}
    label_of: dict[str, int] = {}
    for row, (label, category) in enumerate(zip(labels.tolist(), categories, strict=True)):
        if (other := category_of.setdefault(label, category)) != category:
            both = f"{other!r} and {category!r}"
            raise UserError(f"{file.place(row)}: target {label} has two categories, {both}.")
        if (known := label_of.setdefault(category, label)) != label:
            both = f"{known} and {label}"
            raise UserError(f"{file.place(row)}: category {category!r} has two targets, {both}.")
    order = sorted(category_of)
    return labels, np.array(order, dtype=np.int64), tuple(category_of[label] for label in order)


def read_folds(file: TableFile, names: str | list[str] | None, given: bool) -> np.ndarray:
    """The folds; where there are none, one where sides are given, else NO_FOLD."""
    column = file.find(names)
    if column is None:
        return np.full(len(file), 1 if given else NO_FOLD, dtype=np.int64)
    values = file.columns[column]
    numbered = [NUMBERED_FOLD.fullmatch(value) for value in values]
    if len({match and match[1].casefold() for match in numbered}) == 1 and numbered[0]:
        return np.array([match[2] for match in numbered if match], dtype=np.int64)
    remedy = "number the folds, or have some made (data=csv data.columns.fold=null)"
    if any(value.casefold() in SIDE_OF for value in values):
        remedy = f"as sides it takes data.columns.split={column} data.columns.fold=null split=given"
    return _integers(file, column, remedy)


def _integers(file: TableFile, column: str, remedy: str = "") -> np.ndarray:
    values = file.columns[column]
    for row, value in enumerate(values):
        if not WHOLE.fullmatch(value):
            what = f"{file.place(row)}: {column} {value!r} is not a whole number from 0"
            raise UserError(f"{what}: {remedy}." if remedy else f"{what}.")
    return np.array([re.split("[.,]", value)[0] for value in values], dtype=np.int64)


def read_sides(file: TableFile, names: str | list[str] | None) -> np.ndarray | None:
    """train, val or test of each clip; None where the table does not say."""
    column = file.find(names)
    if column is None:
        return None
    sides = [SIDE_OF.get(value.casefold(), "") for value in file.columns[column]]
    if "" in sides:
        row = sides.index("")
        raise UserError(
            f"{file.place(row)}: {column} {file.columns[column][row]!r} is none of train, val, "
            "test (data.columns.split=null passes the column over)."
        )
    return np.array(sides)


def read_sources(
    file: TableFile, names: ColumnNames, filenames: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Source and take of each clip; see `read_table`."""
    blank = [""] * len(file)
    given_sources, given_takes = (
        blank if (column := file.find(name)) is None else file.columns[column]
        for name in (names.source, names.take)
    )
    void = [value for value in given_sources if value.casefold() in NOTHING]
    if given_sources is not blank and void:
        notice(
            f"{file.path}: {len(void)} of {len(file)} clips have no source ({some(void)}): "
            "each counts as a recording of its own, by its file name"
        )
    sourced = {value for value in given_sources if value.casefold() not in NOTHING}
    if 0 < len(sourced) < FEW and len(file) > FEW * len(sourced):
        notice(
            f"{file.path}: {len(file)} clips are of {len(sourced)} sources "
            f"({some(sorted(sourced))}), each of which counts as one recording: if "
            f"{file.find(names.source)!r} is of something else, data.columns.source=null"
        )
    sources, takes = [], []
    for name, source, take in zip(filenames, given_sources, given_takes, strict=True):
        stem = name.rpartition(".")[0] or name
        parsed = source_and_take(stem.rpartition("/")[2]) or (stem, "A")
        sources.append(parsed[0] if source.casefold() in NOTHING else source)
        takes.append(parsed[1] if take.casefold() in NOTHING else take)
    return np.array(sources), np.array(takes)

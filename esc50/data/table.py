"""The clip table: which clips there are, their classes, folds and sources."""

import csv
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from esc50.errors import UserError

FOLDS = (1, 2, 3, 4, 5)
SUPER_CATEGORIES = (
    "animals",
    "natural soundscapes & water",
    "human non-speech",
    "interior/domestic",
    "exterior/urban",
)
ESC50_CLASSES = tuple(
    name
    for group in (  # one line or two a super-category; the index is the table's target number
        "dog rooster pig cow frog cat hen insects sheep crow",
        "rain sea_waves crackling_fire crickets chirping_birds water_drops wind pouring_water",
        "toilet_flush thunderstorm",
        "crying_baby sneezing clapping breathing coughing footsteps laughing brushing_teeth",
        "snoring drinking_sipping",
        "door_wood_knock mouse_click keyboard_typing door_wood_creaks can_opening",
        "washing_machine vacuum_cleaner clock_alarm clock_tick glass_breaking",
        "helicopter chainsaw siren car_horn engine train church_bells airplane fireworks",
        "hand_saw",
    )
    for name in group.split()
)
ESC10_LABELS = (0, 1, 10, 11, 12, 20, 21, 38, 40, 41)
NEEDED_COLUMNS = ("filename", "fold", "target", "category")
RESERVED = ("clip", "fold", "target", "prediction")  # columns beside the classes' own
MARKER = "SYNTHETIC"  # a file of this name beside audio/ says that the sound is made up
ESC50_NAME = re.compile(r"\d+-(?P<source>.+)-(?P<take>[A-Z]+)-\d+")


@dataclass(frozen=True)
class ClipTable:
    """The clips of a data set; rows are clips, in the table's order.

    `labels` are the table's own target numbers (ESC-10 keeps 0, 1, 10, ...), `targets` the
    indices into `classes`. A source is one original recording; its takes are clips cut from it.
    """

    root: Path
    audio_root: Path  # `filenames` are relative to this
    filenames: tuple[str, ...]
    folds: np.ndarray  # int64 (n,), of FOLDS
    labels: np.ndarray  # int64 (n,)
    sources: np.ndarray  # str (n,)
    takes: np.ndarray  # str (n,)
    classes: tuple[str, ...]  # category names, ordered by target number
    class_labels: np.ndarray  # int64 (classes,), the target number of each class
    synthetic: bool  # made-up sound: results must say so

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.filenames)

    @property
    def targets(self) -> np.ndarray:
        """Index of each clip's class in `classes`: int64 (n,)."""
        return np.searchsorted(self.class_labels, self.labels)

    @property
    def paths(self) -> list[Path]:
        """Where each clip lies."""
        return [self.audio_root / name for name in self.filenames]

    @property
    def categories5(self) -> np.ndarray | None:
        """Index into SUPER_CATEGORIES of each class, int64 (classes,).

        None unless every class has the name and target number that ESC-50 gives it.
        """
        own = all(
            label < len(ESC50_CLASSES) and ESC50_CLASSES[label] == name
            for label, name in zip(self.class_labels, self.classes, strict=True)
        )
        return self.class_labels // 10 if own else None

    def select(self, keep: np.ndarray) -> "ClipTable":
        """Keep the clips where the boolean (n,) `keep` is true, as a data set of its own.

        Classes without a clip left are dropped, so targets may be renumbered.
        """
        keep = np.asarray(keep, dtype=bool)
        labels = self.labels[keep]
        present = np.isin(self.class_labels, labels)
        return replace(
            self,
            filenames=tuple(np.array(self.filenames, dtype=object)[keep]),
            folds=self.folds[keep],
            labels=labels,
            sources=self.sources[keep],
            takes=self.takes[keep],
            classes=tuple(np.array(self.classes, dtype=object)[present]),
            class_labels=self.class_labels[present],
        )


def read_table(
    root: Path | str, check_files: bool = True, table: Path | str | None = None
) -> ClipTable:
    """Read and check a data set in ESC-50 layout: `audio/` and `meta/esc50.csv`.

    Columns filename, fold, target and category are needed. Source and take come from src_file
    and take where present, else from an ESC-50 file name (`{fold}-{source}-{take}-{target}`),
    else the file's stem and "A". Other columns are ignored.

    Args:
        root: the folder.
        check_files: also check that every listed clip is there.
        table: the table itself where it is not `meta/esc50.csv` in the folder.

    Raises:
        UserError: the table is missing, damaged or contradicts itself, or clips are missing.
    """
    root = Path(root)
    path = root / "meta" / "esc50.csv" if table is None else Path(table)
    columns, lines = _read_columns(path)
    folds = _integers(path, "fold", columns["fold"], lines)
    outside = np.flatnonzero(~np.isin(folds, FOLDS))
    if outside.size:
        at = outside[0]
        raise UserError(
            f"{path} line {lines[at]}: fold {folds[at]} is outside {FOLDS[0]} to {FOLDS[-1]}."
        )
    labels = _integers(path, "target", columns["target"], lines)
    _check_names(path, columns["filename"], lines)
    class_labels, classes = _classes(path, labels, columns["category"], lines)
    if check_files:
        _check_files(path, root / "audio", columns["filename"])
    sources, takes = _sources(columns)
    return ClipTable(
        root=root,
        audio_root=root / "audio",
        filenames=tuple(columns["filename"]),
        folds=folds,
        labels=labels,
        sources=sources,
        takes=takes,
        classes=classes,
        class_labels=class_labels,
        synthetic=(root / MARKER).exists(),
    )


def name_fault(name: str) -> str | None:
    """Say what makes a file name unfit to be joined to a folder, or None."""
    if not name.isprintable():  # control characters, and bytes that are not UTF-8
        return "holds control characters or is not UTF-8"
    if "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
        return "is empty or leads out of its folder"
    return None


def source_and_take(stem: str) -> tuple[str, str] | None:
    """Split an ESC-50 file name without its suffix into source and take; None for others."""
    match = ESC50_NAME.fullmatch(stem)
    return (match["source"], match["take"]) if match else None


def _read_columns(path: Path) -> tuple[dict[str, list[str]], list[int]]:
    """The table by column, and the line that each row ends on."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            numbered = [(row, reader.line_num) for row in reader if row]
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{path} is missing: a data set is a folder with audio/ and meta/esc50.csv."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save the table as UTF-8 CSV.") from None
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV table: {error}.") from None
    for name in NEEDED_COLUMNS if header else ():
        if name not in header:
            raise UserError(
                f"{path} has no column {name!r}: needed are {', '.join(NEEDED_COLUMNS)}."
            )
    if not numbered:
        raise UserError(f"{path} is empty: it lists no clips.")
    for row, line in numbered:
        if len(row) != len(header):
            raise UserError(f"{path} line {line}: {len(row)} fields instead of {len(header)}.")
    fields = zip(*(row for row, _ in numbered), strict=True)
    columns = {name: list(values) for name, values in zip(header, fields, strict=True)}
    return columns, [line for _, line in numbered]


def _integers(path: Path, column: str, values: list[str], lines: list[int]) -> np.ndarray:
    for value, line in zip(values, lines, strict=True):
        if not re.fullmatch(r"[0-9]{1,9}", value.strip()):
            raise UserError(f"{path} line {line}: {column} {value!r} is not a whole number from 0.")
    return np.array(values, dtype=np.int64)


def _check_names(path: Path, names: list[str], lines: list[int]) -> None:
    first: dict[str, int] = {}
    for name, line in zip(names, lines, strict=True):
        if fault := name_fault(name):
            raise UserError(f"{path} line {line}: the file name {name!r} {fault}.")
        if first.setdefault(name, line) != line:
            raise UserError(f"{path} lists {name} twice: lines {first[name]} and {line}.")


def _classes(
    path: Path, labels: np.ndarray, categories: list[str], lines: list[int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Target numbers in order and the one category that goes with each."""
    category_of: dict[int, str] = {}
    label_of: dict[str, int] = {}
    for label, category, line in zip(labels.tolist(), categories, lines, strict=True):
        if not category.strip() or not category.isprintable():
            raise UserError(f"{path} line {line}: the category {category!r} is no name.")
        if category in RESERVED:
            raise UserError(
                f"{path} line {line}: the category {category!r} is the name of a column of "
                "predictions.csv: call it otherwise."
            )
        if category_of.setdefault(label, category) != category:
            both = f"{category_of[label]!r} and {category!r}"
            raise UserError(f"{path} line {line}: target {label} has two categories, {both}.")
        if label_of.setdefault(category, label) != label:
            both = f"{label_of[category]} and {label}"
            raise UserError(f"{path} line {line}: category {category!r} has two targets, {both}.")
    order = sorted(category_of)
    return np.array(order, dtype=np.int64), tuple(category_of[label] for label in order)


def _check_files(path: Path, audio: Path, names: list[str]) -> None:
    """Refuse missing clips, and links that lead out of `audio`."""
    inside = audio.resolve()
    there: set[str] = set()
    for folder in {name.rpartition("/")[0] for name in names}:
        prefix = f"{folder}/" if folder else ""
        if not (audio / folder).resolve().is_relative_to(inside):
            raise UserError(f"{audio / folder} is a link that leads out of {audio}.")
        try:
            with os.scandir(audio / folder) as entries:
                found = {prefix + entry.name: entry for entry in entries if entry.is_file()}
        except OSError:
            continue  # its clips are then reported as missing
        for name in [name for name, entry in found.items() if entry.is_symlink()]:
            if not (audio / name).resolve().is_relative_to(inside):
                raise UserError(f"{audio / name} is a link that leads out of {audio}.")
        there.update(found)
    missing = [name for name in names if name not in there]
    if missing:
        some = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise UserError(
            f"{len(missing)} of {len(names)} clips in {path} are not in {audio}: {some}"
        )


def _sources(columns: dict[str, list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Source and take of each clip; see `read_table`."""
    names = columns["filename"]
    blank = [""] * len(names)
    given_sources, given_takes = columns.get("src_file", blank), columns.get("take", blank)
    sources, takes = [], []
    for name, source, take in zip(names, given_sources, given_takes, strict=True):
        stem = name.rpartition(".")[0] or name
        parsed = source_and_take(stem.rpartition("/")[2]) or (stem, "A")
        sources.append(source.strip() or parsed[0])
        takes.append(take.strip() or parsed[1])
    return np.array(sources), np.array(takes)

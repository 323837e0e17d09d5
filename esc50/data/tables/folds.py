"""Folds for clips that have none: by class and source, kept beside the cache."""

import csv
import hashlib
import json
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from esc50.atomic import atomic_write
from esc50.data.notices import SHOWN, notice
from esc50.data.tables.columns import NO_FOLD
from esc50.data.tables.table import ClipTable
from esc50.errors import UserError

SHORT_NAME = 40  # letters of a name that may be as long as a file's own may
UNBALANCED = 3  # times as many clips in the largest class as in the smallest: worth a word


class FoldsError(UserError):
    """Folds cannot be made: there are too few recordings."""


def one_fold(table: ClipTable) -> ClipTable:
    """Put clips without folds into one, where nobody asks for more."""
    return replace(table, folds=np.where(table.folds == NO_FOLD, 1, table.folds))


def give_folds(table: ClipTable, n_folds: int, seed: int, cache_dir: Path) -> ClipTable:
    """Give clips without folds some: each class spread evenly, each source in one fold.

    They are drawn by scikit-learn's StratifiedGroupKFold and written to `cache_dir/folds`, so that
    the same clips keep their folds whatever a later version draws.

    Args:
        table: its own folds are kept, if it has any.
        n_folds: how many, from 2.
        seed: of the draw.
        cache_dir: the folder of computed features.

    Raises:
        FoldsError: there are too few recordings.
        UserError: the folder cannot be written.
    """
    if not (table.folds == NO_FOLD).any():
        return table
    columns = table.filenames, table.labels.tolist(), table.sources.tolist()
    text = json.dumps([n_folds, seed, *zip(*columns, strict=True)])
    digest = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
    path = cache_dir / "folds" / f"{table.root.absolute().stem[:SHORT_NAME]}-{digest}.csv"
    folds = _read(path, table)
    if folds is None:
        folds = make_folds(table, n_folds, seed)
        _write(path, table, folds)
    notice(
        f"{table.root} has no folds: {n_folds} were made of {len(set(table.sources.tolist()))} "
        f"recordings, by class and recording (data.folds={n_folds} data.fold_seed={seed}), "
        f"and are kept in {path}"
    )
    return replace(table, folds=folds)


def make_folds(table: ClipTable, n_folds: int, seed: int) -> np.ndarray:
    """Draw folds 1 to `n_folds`, int64 (n,); see `give_folds`."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_sources = len(set(table.sources.tolist()))
    if n_sources < n_folds:
        fewer = f"set data.folds to {n_sources}, or " if n_sources > 1 else ""
        apart = (
            "give each file a source of its own (data=csv data.columns.source=null, data=folder "
            "data.takes=false)"
        )
        if table.offsets is not None:
            apart = (
                "name a column that says which parts may be kept apart (data.columns.source=NAME; "
                "null: those of different files)"
            )
        raise FoldsError(
            f"{table.root} holds {n_sources} recording{'s' if n_sources > 1 else ''}, too few for "
            f"{n_folds} folds: {fewer}{apart}."
        )
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    targets, folds = table.targets, np.zeros(len(table), dtype=np.int64)
    # Where all classes have fewer clips than there are folds, there is nothing to keep in
    # proportion, and scikit-learn refuses.
    strata = targets if np.bincount(targets).max() >= n_folds else np.zeros_like(targets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small classes: `warn_of_classes` names them
        splits = splitter.split(np.zeros(len(table)), strata, table.sources)
        for number, (_, tested) in enumerate(splits, start=1):
            folds[tested] = number
    empty = set(range(1, n_folds + 1)) - set(folds.tolist())
    if empty:
        raise FoldsError(
            f"{table.root} is too uneven for {n_folds} folds of whole recordings, fold "
            f"{min(empty)} would be empty: set data.folds to {n_folds - len(empty)}."
        )
    return folds


def warn_of_classes(table: ClipTable) -> None:
    """Say which classes are missing from a fold or a side, are far rarer than others, or alike.

    Raises:
        UserError: there is one class alone.
    """
    if len(table.classes) < 2:
        raise UserError(
            f"{table.root} holds one class, {table.classes[0]!r}: a classifier needs two."
        )
    targets, groups, what = table.targets, table.folds, "fold"
    if table.sides is not None:
        groups, what = table.sides, "side"
    names = sorted(set(groups.tolist()))
    absent = {}
    for target, category in enumerate(table.classes):
        there = set(groups[targets == target].tolist())
        if len(there) < len(names):
            absent[category] = ", ".join(str(name) for name in names if name not in there)
    if absent:
        lacking = [f"{category!r} ({what} {where})" for category, where in absent.items()]
        more = ", ..." if len(lacking) > SHOWN else ""
        notice(
            f"{len(absent)} of {len(table.classes)} classes of {table.root} have no clip in some "
            f"{what}s: {', '.join(lacking[:SHOWN])}{more}"
        )
    counts = np.bincount(targets)
    least, most = counts.argmin(), counts.argmax()
    if counts[most] > UNBALANCED * counts[least]:
        notice(
            f"classes are uneven, from {counts[least]} clips ({table.classes[least]!r}) to "
            f"{counts[most]} ({table.classes[most]!r}): data.sampler=balanced trains on all "
            "equally often, and acc_balanced is the mean of their accuracies"
        )
    alike: dict[str, str] = {}
    for name in table.classes:
        plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        if (other := alike.setdefault(plain, name)) != name:
            case = other.casefold() == name.casefold()
            what = "upper and lower case" if case else "blanks or forms of letters"
            notice(f"the classes {other!r} and {name!r} differ in {what} alone")


def _read(path: Path, table: ClipTable) -> np.ndarray | None:
    """Folds written before; None where there are none, or none for these clips."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            fold_of = {
                name.removeprefix("./"): int(fold) for name, fold in list(csv.reader(file))[1:]
            }
        return np.array([fold_of[name] for name in table.filenames], dtype=np.int64)
    except (OSError, ValueError, KeyError, OverflowError, csv.Error):
        return None


def _write(path: Path, table: ClipTable, folds: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            writer = csv.writer(file)
            writer.writerow(("filename", "fold"))
            # None begins so that a spreadsheet would compute it.
            names = (f"./{name}" for name in table.filenames)
            writer.writerows(zip(names, folds.tolist(), strict=True))
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): set data.cache_dir to a folder "
            "that can."
        ) from None

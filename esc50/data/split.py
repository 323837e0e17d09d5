"""Splits clips into training, validation and test: the protocols, and their random draws.

Items are what a loader hands out: the clips 0..n-1 first, then augmented copies. Under every
protocol but `published`, copies are made of training clips only and all of them are trained on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from esc50.config.schema.settings import Settings
from esc50.data.tables.table import ClipTable
from esc50.errors import UserError

DRAWN = ("random", "published")  # protocols that go by draws, not by the table's folds
TWO_FOLDS = ": of two, one is tested and one validated on, so use split=literature"
Part = Annotated[float, Field(ge=0, le=1)]


class SplitSettings(Settings):
    """The keys of conf/split/.

    Attributes:
        protocol: official: test fold k, validate on the next one, train on the rest.
            literature: test fold k, train on the rest, no validation. random: a draw stratified by
            class. published: the published notebooks' draw, which leaks. given: the data set's own
            training, validation (if any) and test clips.
        fold: k; for random and published, which of as many draws as there are folds.
        val: part of the clips for validation, in drawn protocols.
        test: part of the clips for test, in drawn protocols.
        pool_val: part of the pooled clips and copies for validation, in `published`.
        keep_sources: keep the takes of one source on one side, in `random`.
    """

    protocol: Literal["official", "literature", "random", "published", "given"]
    fold: Annotated[int, Field(ge=0)] | Literal["all"]
    val: Part = 0.255
    test: Part = 0.15
    pool_val: Part = 0.15
    keep_sources: bool = True

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(
                f"split.val={self.val} and split.test={self.test} leave nothing to train on: "
                "together they must be below 1"
            )
        return self


@dataclass(frozen=True)
class Split:
    """Items on each side: int64 arrays. `clip_of` (items,) is the clip an item is made from."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    clip_of: np.ndarray

    def without_unused_copies(self, n_clips: int) -> tuple["Split", np.ndarray]:
        """Renumber the items so that only copies on some side remain.

        Returns the split and int64 (kept,), the former indices of the kept copies.
        """
        sides = (self.train, self.val, self.test)
        items = np.unique(np.concatenate(sides))
        kept = items[items >= n_clips]
        number = np.arange(len(self.clip_of))
        number[kept] = n_clips + np.arange(len(kept))
        clip_of = self.clip_of[np.concatenate([np.arange(n_clips), kept])]
        train, val, test = (number[side] for side in sides)
        return Split(train, val, test, clip_of), kept - n_clips


def draw_split(
    table: ClipTable, settings: SplitSettings, seed: int, clip_of_copy: np.ndarray | None = None
) -> Split:
    """Split a table's clips, and the copies made of them, as a protocol says.

    Args:
        table: the clips.
        settings: the protocol and its fold, one at a time.
        seed: of the draws.
        clip_of_copy: int64 (copies,), the clip each augmented copy is made of; copies of clips
            outside training are left out, but for `published`.

    Raises:
        UserError: there is no such fold, or a side that the protocol needs would be empty.
    """
    fold = _check_fold(table, settings)
    n, protocol = len(table), settings.protocol
    copies = np.zeros(0, np.int64) if clip_of_copy is None else clip_of_copy
    clip_of = np.concatenate([np.arange(n), copies])
    if protocol == "published":
        sides = _published(n, clip_of, np.random.default_rng([seed, fold, 3]), settings)
    else:
        if protocol == "random":
            side = _stratified(table, np.random.default_rng([seed, fold, 2]), settings)
        elif protocol == "given":
            side = _given(table)
        else:
            side = _by_fold(table, fold, with_validation=protocol == "official")
        train, validation, tested = (np.flatnonzero(side == s) for s in range(3))
        of_training = n + np.flatnonzero(np.isin(copies, train))
        sides = np.concatenate([train, of_training]), validation, tested
    for name, items in zip(("training", "validation", "test"), sides, strict=True):
        if items.size == 0 and not (name == "validation" and protocol in ("literature", "given")):
            raise UserError(
                f"split.protocol={protocol} with split.fold={fold} leaves no {name} clips of the "
                f"{n} in {table.root} (folds there: {_named(table.fold_numbers)})"
                + (TWO_FOLDS if protocol == "official" and len(table.fold_numbers) == 2 else "")
            )
    return Split(*sides, clip_of)


def _check_fold(table: ClipTable, settings: SplitSettings) -> int:
    """Return the fold; refuse one that neither the table nor the draws have."""
    there = choosable_folds(table, settings.protocol)
    if settings.protocol in ("official", "literature") and len(there) < 2:
        instead = "random" if table.sides is None else "given"
        raise UserError(
            f"split.protocol={settings.protocol} takes two folds or more, and {table.root} has "
            f"{len(there)}: use split={instead}"
        )
    if settings.fold == "all":
        raise UserError("split.fold=all is every fold in turn, and a split is of one: name it")
    if settings.fold not in there:
        drawn = settings.protocol in DRAWN
        what = f"one of {len(there)} draws" if drawn else f"a fold of {table.root}"
        what = "1, the one split that is given" if settings.protocol == "given" else what
        raise UserError(f"split.fold={settings.fold} is not {what}: choose one of {_named(there)}")
    return settings.fold


def choosable_folds(table: ClipTable, protocol: str) -> list[int]:
    """List what `split.fold` may be: the table's folds, or as many draws, numbered from 1."""
    if protocol == "given":
        return [1]
    folds = table.fold_numbers
    return list(range(1, len(folds) + 1)) if protocol in DRAWN else folds


def _named(folds: Iterable[int]) -> str:
    return ", ".join(map(str, folds))


def _by_fold(table: ClipTable, fold: int, with_validation: bool) -> np.ndarray:
    """Side of each clip: 0 train, 1 validation, 2 test."""
    side = np.zeros(len(table), np.int64)
    if with_validation:
        there = table.fold_numbers
        side[table.folds == there[(there.index(fold) + 1) % len(there)]] = 1
    side[table.folds == fold] = 2
    return side


def _given(table: ClipTable) -> np.ndarray:
    """Side of each clip as the data set says: 0 train, 1 validation, 2 test."""
    if table.sides is None:
        raise UserError(
            f"split=given takes train, val and test from the data set, and {table.root} does not "
            "give them: name their column as data.columns.split (data=csv), or sort the class "
            "folders into train/, val/ and test/ (data=folder)"
        )
    return np.array([("train", "val", "test").index(side) for side in table.sides], np.int64)


def _stratified(table: ClipTable, rng: np.random.Generator, settings: SplitSettings) -> np.ndarray:
    """Side of each clip, classes in proportion; greedy over groups, the largest first.

    A group (a source, or a single clip) goes where its classes are furthest from their part,
    so a side is off by less than a group. Sources are placed whole, also those under two classes.
    """
    parts = np.array([1 - settings.val - settings.test, settings.val, settings.test])
    groups = table.sources if settings.keep_sources else np.arange(len(table))
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(table.classes)))
    np.add.at(counts, (group_of, table.targets), 1)
    wanted = parts[:, None] * counts.sum(0)  # (sides, classes)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    side_of_group = np.zeros(len(names), np.int64)
    for group in order:
        own = counts[group] > 0
        lacking = (wanted[:, own] / parts[:, None].clip(1e-9)).sum(1)
        side = int(np.argmax(np.where(parts > 0, lacking, -np.inf)))
        side_of_group[group] = side
        wanted[side] -= counts[group]
    return side_of_group[group_of]


def _published(
    n: int, clip_of: np.ndarray, rng: np.random.Generator, settings: SplitSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The published notebooks' draws, in their order of execution.

    Without copies: 15% test, the rest 70/30 into train and validation, whatever the source. With
    copies: the test clips of a *second* draw are left out, every other clip and copy is pooled
    and split 85/15, and the test runs on the loader that was built from the *first* draw.
    """
    n_test, n_val = round(n * settings.test), round(n * settings.val)
    first = rng.permutation(n)
    stale_test = np.sort(first[:n_test])
    if len(clip_of) == n:
        return np.sort(first[n_test + n_val :]), np.sort(first[n_test : n_test + n_val]), stale_test
    left_out = rng.permutation(n)[:n_test]
    pool = rng.permutation(np.flatnonzero(~np.isin(clip_of, left_out)))
    n_pool_val = round(len(pool) * settings.pool_val)
    return np.sort(pool[n_pool_val:]), np.sort(pool[:n_pool_val]), stale_test

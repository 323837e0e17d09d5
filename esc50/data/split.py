"""Who is tested on whom: the protocols, and the draws behind them.

Items are what a loader hands out: the clips 0..n-1 first, then augmented copies. Under every
protocol but `published`, copies are made of training clips only and all of them are trained on.
"""

from dataclasses import dataclass

import numpy as np

from esc50.data.table import ClipTable
from esc50.errors import UserError

FOLDS = (1, 2, 3, 4, 5)
PROTOCOLS = ("official", "literature", "random", "published")


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
        return Split(*(number[side] for side in sides), clip_of), kept - n_clips


def draw_split(
    table: ClipTable,
    *,
    protocol: str,
    fold: int,
    seed: int,
    clip_of_copy: np.ndarray | None = None,
    val: float = 0.255,
    test: float = 0.15,
    keep_sources: bool = True,
    pool_val: float = 0.15,
) -> Split:
    """Split a table's clips, and the copies made of them, as a protocol says.

    Args:
        table: the clips.
        protocol: official: test fold k, validation fold k % 5 + 1, train on the other three.
            literature: test fold k, train on the other four, no validation. random: a draw
            stratified by class. published: the published notebooks' draw, which leaks.
        fold: 1..5; for random and published, which of five draws.
        seed: of the draws.
        clip_of_copy: int64 (copies,), the clip each augmented copy is made of; copies of clips
            outside training are left out, but for `published`.
        val: share of the clips for validation, in drawn protocols.
        test: share of the clips for test, in drawn protocols.
        keep_sources: keep the takes of one source on one side, in `random`.
        pool_val: share of the pooled clips and copies for validation, in `published`.

    Raises:
        UserError: a side that the protocol needs would be empty.
    """
    n = len(table)
    copies = np.zeros(0, np.int64) if clip_of_copy is None else clip_of_copy
    clip_of = np.concatenate([np.arange(n), copies])
    if protocol == "published":
        sides = _published(n, clip_of, np.random.default_rng([seed, fold, 3]), val, test, pool_val)
    else:
        if protocol == "random":
            rng = np.random.default_rng([seed, fold, 2])
            side = _stratified(table, rng, np.array([1 - val - test, val, test]), keep_sources)
        else:
            side = _by_fold(table, fold, with_validation=protocol == "official")
        train, validation, tested = (np.flatnonzero(side == s) for s in range(3))
        of_training = n + np.flatnonzero(np.isin(copies, train))
        sides = np.concatenate([train, of_training]), validation, tested
    for name, items in zip(("training", "validation", "test"), sides, strict=True):
        if items.size == 0 and not (name == "validation" and protocol == "literature"):
            present = ", ".join(map(str, np.unique(table.folds)))
            raise UserError(
                f"split.protocol={protocol} with split.fold={fold} leaves no {name} clips of the "
                f"{n} in {table.root} (folds there: {present})"
            )
    return Split(*sides, clip_of)


def _by_fold(table: ClipTable, fold: int, with_validation: bool) -> np.ndarray:
    """Side of each clip: 0 train, 1 validation, 2 test."""
    side = np.zeros(len(table), np.int64)
    side[table.folds == fold] = 2
    if with_validation:
        side[table.folds == fold % 5 + 1] = 1
    return side


def _stratified(
    table: ClipTable, rng: np.random.Generator, shares: np.ndarray, keep_sources: bool
) -> np.ndarray:
    """Side of each clip, classes in proportion; greedy over groups, the largest first.

    A group (a source, or a single clip) goes where its classes are furthest from their share,
    so a side is off by less than a group. Sources are placed whole, also those under two classes.
    """
    groups = table.sources if keep_sources else np.arange(len(table))
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(table.classes)))
    np.add.at(counts, (group_of, table.targets), 1)
    wanted = shares[:, None] * counts.sum(0)  # (sides, classes)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    side_of_group = np.zeros(len(names), np.int64)
    for group in order:
        own = counts[group] > 0
        lacking = (wanted[:, own] / shares[:, None].clip(1e-9)).sum(1)
        side = int(np.argmax(np.where(shares > 0, lacking, -np.inf)))
        side_of_group[group] = side
        wanted[side] -= counts[group]
    return side_of_group[group_of]


def _published(
    n: int,
    clip_of: np.ndarray,
    rng: np.random.Generator,
    val: float,
    test: float,
    pool_val: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The published notebooks' draws, in their order of execution.

    Without copies: 15% test, the rest 70/30 into train and validation, whatever the source. With
    copies: the test clips of a *second* draw are left out, every other clip and copy is pooled
    and split 85/15, and the test runs on the loader that was built from the *first* draw.
    """
    n_test, n_val = round(n * test), round(n * val)
    first = rng.permutation(n)
    stale_test = np.sort(first[:n_test])
    if len(clip_of) == n:
        return np.sort(first[n_test + n_val :]), np.sort(first[n_test : n_test + n_val]), stale_test
    left_out = rng.permutation(n)[:n_test]
    pool = rng.permutation(np.flatnonzero(~np.isin(clip_of, left_out)))
    n_pool_val = round(len(pool) * pool_val)
    return np.sort(pool[n_pool_val:]), np.sort(pool[:n_pool_val]), stale_test

"""Batches: in what order items come, and which of each batch one of several processes takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

DRAW_ORDER = 13  # keeps this stream of random numbers apart from the data module's

Batch = dict[str, Any]  # tensors, and of several processes the float `weight`


@dataclass(frozen=True)
class RankBatch:
    """What one process takes of a batch.

    Attributes:
        positions: int64, of its own items; behind them, of its guests: items of other processes
            that own ones are mixed with.
        weight: what the mean over its own items counts for in the mean over all processes' means,
            so that it becomes the mean over the whole batch.
        partner: int64 (own items,), the row here of what each own item is mixed with; None where
            there is nothing to say.
    """

    positions: np.ndarray
    weight: float = 1.0
    partner: np.ndarray | None = None


class DistributedBatchSampler(Sampler[RankBatch]):
    """Deals one process its shares of the batches that all processes make together.

    Each batch is dealt out like cards. All processes have the same number of shares; of a batch
    smaller than `world`, some are empty: see `least`.
    """

    def __init__(
        self,
        order: "Sequence[int] | EpochShuffle",
        batch_size: int,
        rank: int = 0,
        world: int = 1,
        least: int = 1,
        partners: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        """Deal batches of `batch_size` positions of `order` to `world` processes.

        Args:
            order: positions; iterated anew every epoch.
            batch_size: items in a batch of all processes.
            rank: this process's number.
            world: how many processes there are.
            least: a last batch of fewer items joins the one before it.
            partners: says of a batch's positions in which row of it each one's partner is, its own
                row where it has none.
        """
        self.order, self.batch_size, self.rank, self.world = order, batch_size, rank, world
        self.least, self.partners = least, partners

    def __len__(self) -> int:
        """Count the batches."""
        whole, rest = divmod(len(self.order), self.batch_size)
        return whole + (rest >= self.least or (rest > 0 and not whole))

    def __iter__(self) -> Iterator[RankBatch]:
        """Yield this process's share of each batch."""
        order = np.array(list(self.order), np.int64)
        last = (len(self) - 1) * self.batch_size
        for first in range(0, last, self.batch_size):
            yield self._share(order[first : first + self.batch_size])
        if len(order):
            yield self._share(order[last:])

    def _share(self, positions: np.ndarray) -> RankBatch:
        rows = np.arange(self.rank, len(positions), self.world)
        weight = self.world * len(rows) / len(positions)
        if self.partners is None:
            return RankBatch(positions[rows], weight)
        partners = self.partners(positions)[rows]
        here = np.concatenate([rows, np.setdiff1d(partners, rows)])
        row_here = np.zeros(len(positions), np.int64)
        row_here[here] = np.arange(len(here))
        return RankBatch(positions[here], weight, row_here[partners])


class EpochShuffle(Sampler[int]):
    """Orders items anew every epoch, by seed and epoch alone, so a resumed run repeats it."""

    def __init__(
        self, n: int, seed: int, epoch: Callable[[], int], balanced: np.ndarray | None = None
    ):
        """Shuffle `n` items by `seed` and whatever `epoch()` says when an epoch begins.

        With the items' targets in `balanced`, int64 (n,), as many items are drawn as there are, so
        that all classes are equally likely: some come several times, some not at all.
        """
        self.n, self.seed, self.epoch = n, seed, epoch
        self.chances = None if balanced is None else equal_chances(balanced)

    def __len__(self) -> int:
        """Count the items."""
        return self.n

    def __iter__(self) -> Iterator[int]:
        """Yield positions."""
        rng = np.random.default_rng([self.seed, self.epoch(), DRAW_ORDER])
        if self.chances is None:
            yield from rng.permutation(self.n).tolist()
        else:
            yield from rng.choice(self.n, self.n, p=self.chances).tolist()


def equal_chances(targets: np.ndarray) -> np.ndarray:
    """Give each item the chance, float64 (n,), that makes all classes equally likely."""
    chances = 1 / np.bincount(targets)[targets]
    return chances / chances.sum()


class FeatureDataset(Dataset[Batch]):
    """One side of the split; hands out whole batches, gathered without a Python loop over clips.

    The arrays may lie in a memory map or on a GPU; a batch is made where they are.
    """

    def __init__(
        self, items: np.ndarray, clips: dict[str, Tensor], copies: Tensor | None, targets: Tensor
    ):
        """Take item numbers, arrays of the clips, log-mels of the copies, targets of all items."""
        self.items = torch.from_numpy(items)
        self.clips, self.copies, self.targets = clips, copies, targets

    def __len__(self) -> int:
        """Count the items."""
        return len(self.items)

    def __getitems__(self, batch: RankBatch) -> Batch:
        """Gather a share of a batch: see `gather`; with its weight, and its partners if any."""
        gathered = self.gather(batch.positions) | {"weight": batch.weight}
        if batch.partner is not None:
            gathered["partner"] = torch.from_numpy(batch.partner)
        return gathered

    def gather(self, positions: Sequence[int] | np.ndarray) -> Batch:
        """Gather a batch: item, y (batch,), x (batch, channels, height, width), and spectra."""
        items = self.items[torch.as_tensor(positions)]
        n_clips = len(self.clips["logmel"])
        of_copy = items >= n_clips
        clips = items.where(~of_copy, 0)
        batch = {name: rows(array, clips) for name, array in self.clips.items()}
        batch["x"] = batch.pop("logmel")
        if self.copies is not None and of_copy.any():
            batch["x"][of_copy.to(batch["x"].device)] = rows(self.copies, items[of_copy] - n_clips)
        return batch | {"item": items, "y": rows(self.targets, items)}


def rows(array: Tensor, numbers: Tensor) -> Tensor:
    """Copy rows of an array, on its own device."""
    return array.index_select(0, numbers.to(array.device))

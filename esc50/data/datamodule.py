"""The LightningDataModule: table -> split -> cached features -> batches -> augmentation."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams, make_recipe
from esc50.audio.spec import make_spec
from esc50.config.schema.sections import DataSettings
from esc50.data.audit import Audit, Seen, audit_split
from esc50.data.batches import Batch, DistributedBatchSampler, EpochShuffle, FeatureDataset, rows
from esc50.data.cache.digests import clip_digests
from esc50.data.datasets import make_dataset, open_clips
from esc50.data.features import clip_features, copy_features, pictures, profiles
from esc50.data.prepared import Prepared
from esc50.data.split import Split, SplitSettings, draw_split
from esc50.data.tables.folds import warn_of_classes
from esc50.data.tables.table import ClipTable
from esc50.errors import UserError

DRAW_COPIES, DRAW_EPOCH = 11, 12  # keep the streams of random numbers apart


class ESC50DataModule(pl.LightningDataModule):
    """Clips of any data set in ESC-50 layout as batches of log-mels, or whatever the features are.

    Batches are dictionaries: x float32 (batch, channels, height, width), y and item int64
    (batch,); with mixing also y_mix int64 (batch,) and mix_weight float32 (batch,), that of y.
    Validation and test read clean features only. Of the processes that a trainer runs on, each
    gets its share of every batch, with `weight`, a float, by which its mean loss is to be
    multiplied for the mean over the processes to be that over the batch; what training sees is the
    same on any number of processes.

    A trainer augments each training batch by the hook `on_after_batch_transfer`. Without one there
    is one process, the epoch is the first, and the hook is yours to call:

        for batch in data.train_dataloader():
            batch = data.on_after_batch_transfer(batch)
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        split: Mapping[str, Any],
        features: Mapping[str, Any],
        augment: Mapping[str, Any],
        batch_size: int,
        seed: int,
    ):
        """Take the config's sections as plain dictionaries. Raises UserError for wrong keys."""
        super().__init__()
        self.dataset, self.storage = make_dataset(data), DataSettings.of(data)
        self.section = dict(data)
        self.split_settings = SplitSettings.parse("split", split)
        self.spec = make_spec(features)
        self.recipe = make_recipe(augment)
        self.batch_size, self.seed = batch_size, seed
        self.seen_before: Seen | None = None  # by the weights that training starts from
        self._sampled: tuple[int, AugmentParams] | None = None  # of the latest epoch

    @classmethod
    def from_config(cls, plain: Mapping[str, Any]) -> Self:
        """Build it from a whole config in plain dictionaries. Raises UserError for wrong keys."""
        keys = ("data", "split", "features", "augment", "batch_size", "seed")
        return cls(**{key: plain[key] for key in keys})

    @cached_property
    def table(self) -> ClipTable:
        """The clips, fetched or made when they are first asked for."""
        table = open_clips(self.section, self.spec.seconds)
        warn_of_classes(table)
        return table

    @cached_property
    def digests(self) -> list[str]:
        """Digest of each clip's audio."""
        return self.table.identify(clip_digests(self.table.paths, Path(self.storage.cache_dir)))

    @cached_property
    def prepared(self) -> Prepared:
        """Features, split, copies and audit, made when they are first asked for."""
        n, augment = len(self.table), Augment(self.spec, self.recipe)
        rng = np.random.default_rng([self.seed, DRAW_COPIES])
        clip_of_copy, params = self.recipe.sample_copies(n, rng)
        # A fold that is not there is told before minutes of features.
        drawn = draw_split(self.table, self.split_settings, self.seed, clip_of_copy)
        split, used = drawn.without_unused_copies(n)
        cache_dir, workers = Path(self.storage.cache_dir), self.storage.workers
        arrays = clip_features(self.table, self.spec, self.digests, cache_dir, workers)
        copies = None
        if used.size:
            copies = self._render_copies(arrays, augment, params[used], clip_of_copy[used], used)
        return Prepared(
            split,
            audit_split(self.table, split, self.digests, profiles(arrays), self.seen_before),
            {name: torch.from_numpy(array) for name, array in arrays.items()},
            copies,
            torch.from_numpy(self.table.targets[split.clip_of]),
            augment,
        )

    def _render_copies(
        self,
        arrays: dict[str, np.ndarray],
        augment: Augment,
        params: AugmentParams,
        clip_of_copy: np.ndarray,
        used: np.ndarray,
    ) -> Tensor:
        parts = {
            "seed": self.seed,
            "augment": [type(self.recipe).__name__, self.recipe.model_dump()],
            "copies": used.tolist(),
            "features": self.spec.key,
            "digests": self.digests,
        }
        cache_dir = Path(self.storage.cache_dir)
        return torch.from_numpy(
            copy_features(arrays, augment, params, clip_of_copy, parts, cache_dir)
        )

    @property
    def split(self) -> Split:
        """Items on each side."""
        return self.prepared.split

    @property
    def audit(self) -> Audit:
        """What lies on both sides of the split."""
        return self.prepared.audit

    @property
    def clips(self) -> dict[str, Tensor]:
        """Arrays of the clips, see `clip_features`."""
        return self.prepared.clips

    @property
    def digest(self) -> str:
        """Identify the clips and all that a split or an audit goes by: 16 hexadecimal digits."""
        table = self.table
        classes = [table.classes[target] for target in table.targets]
        columns = (table.labels.tolist(), table.sources.tolist(), table.fold_sides)
        text = json.dumps([table.filenames, self.digests, classes, *columns])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def seen(self) -> Seen:
        """What weights trained on these data have seen, with all that they had seen before."""
        return Seen.by(self.split, self.digests) | (self.seen_before or Seen())

    def open_table(self) -> None:
        """Fetch or make the clips, read their table, digest their audio. Needs no features."""
        _ = self.digests

    def prepare_data(self) -> None:
        """Fill the cache, in one process per machine, before the others open it."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Open features, draw copies and split, audit; the second call finds all done."""
        _ = self.prepared

    def train_dataloader(self) -> DataLoader[Batch]:
        """Load training items, in a new order every epoch.

        A last batch of one item, or on several processes of fewer than there are, joins the one
        before it: batch norm can do nothing with one item or an empty share.
        """
        n, world = len(self.split.train), self._world_size
        if n < world:
            raise UserError(
                f"{n} training items are too few for {world} processes: set a lower trainer.devices"
            )
        balanced = self.prepared.targets.numpy()[self.split.train] if self.storage.sampler else None
        order: Sequence[int] | EpochShuffle
        order = EpochShuffle(n, self.seed, lambda: self._epoch, balanced)
        if getattr(self.trainer, "overfit_batches", 0):
            order = range(n)
        online = self.recipe.online
        partners = self._partners if online and world > 1 else None
        return self._loader(self.split.train, order, online, max(2, world), partners)

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Load validation items; none under `literature`."""
        n = len(self.split.val)
        return self._loader(self.split.val, range(n)) if n else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Load test clips."""
        return self._loader(self.split.test, range(len(self.split.test)))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        """Augment a training batch on its own device; others pass as they are.

        Lightning calls this hook; without a trainer, call it on each batch yourself.
        """
        if "magnitude" in batch:
            batch = self._augmented(batch, self._epoch_params())
            # Of clips rotated at random, the same columns of all are a random part of each.
            batch["x"] = batch["x"][..., : self.prepared.augment.columns]
        return batch

    def examples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Show pictures (n, channels, height, width) of training clips, and what becomes of them.

        The clips are `Prepared.example_clips`; the second is None where nothing is augmented.
        """
        split, copies, n_clips = self.split, self.prepared.copies, len(self.table)
        clips = self.prepared.example_clips(n)
        before = rows(pictures(self.spec, self.clips), torch.from_numpy(clips))
        if self.recipe.online:
            items = FeatureDataset(clips, self.clips, None, self.prepared.targets)
            rng = np.random.default_rng([self.seed, 0, DRAW_EPOCH])
            batch = items.gather(range(len(clips)))
            return before, self._augmented(batch, self.recipe.sample_params(n_clips, rng))["x"]
        if copies is None:
            return before, None
        source = split.clip_of[n_clips:]
        first = [int(np.argmax(source == clip)) for clip in clips]
        return before, rows(copies, torch.tensor(first))

    @property
    def _world_size(self) -> int:
        return self.trainer.world_size if self.trainer else 1

    @property
    def _epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer else 0

    def _epoch_params(self) -> AugmentParams:
        """Sample what to do to each clip in this epoch, whatever the batches and devices."""
        epoch, epochs = self._epoch, self.trainer and self.trainer.max_epochs
        if self._sampled is None or self._sampled[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch, DRAW_EPOCH])
            done = epoch / (epochs or 1)
            self._sampled = (epoch, self.recipe.sample_params(len(self.table), rng, done))
        return self._sampled[1]

    def _partners(self, positions: np.ndarray) -> np.ndarray:
        """Row of a training batch of what each of its clips is mixed with, or its own."""
        params = self._epoch_params()[self.split.train[positions]]
        return np.where(params.mix_weight != 1, params.partners, np.arange(len(params)))

    def _augmented(self, batch: Batch, params: AugmentParams) -> Batch:
        augment = self.prepared.augment.to(batch["x"].device)
        own, rows_here = params[batch["item"].cpu().numpy()], None
        n = len(own)
        if "partner" in batch:
            n = len(batch["partner"])
            own.mix_weight[n:] = 1  # guests are there to be mixed in as they are
            rows_here = np.pad(batch["partner"].cpu().numpy(), (0, len(own) - n))
        x, partner, weight = augment.apply_params(
            batch["magnitude"], batch["peak"], batch["x"], own, rows_here
        )
        kept = {"item": batch["item"][:n], "x": x[:n], "y": batch["y"][:n]}
        if "weight" in batch:
            kept["weight"] = batch["weight"]
        if partner is None or weight is None:
            return kept
        return kept | {"y_mix": batch["y"][partner][:n], "mix_weight": weight[:n]}

    def _loader(
        self,
        items: np.ndarray,
        order: Sequence[int] | EpochShuffle,
        spectra: bool = False,
        least: int = 1,
        partners: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> DataLoader[Batch]:
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        dataset = self.prepared.dataset(items, spectra, device)
        streamed = device.type == "cuda" and not dataset.targets.is_cuda
        rank = self.trainer.global_rank if self.trainer else 0
        batches: Sampler[Any] = DistributedBatchSampler(
            order, self.batch_size, rank, self._world_size, least, partners
        )
        # On a CPU a gather takes a hundredth of the step: workers would cost more than they save.
        return DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=_as_it_is,
            num_workers=2 if streamed else 0,
            persistent_workers=streamed,
            pin_memory=streamed,
        )


def _as_it_is(batch: Any) -> Any:
    return batch

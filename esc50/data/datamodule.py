"""The LightningDataModule: table -> split -> cached features -> batches -> augmentation."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams, make_recipe
from esc50.audio.spec import FeatureSpec
from esc50.data.audit import Audit, Seen, audit_split
from esc50.data.batches import Batch, DistributedBatchSampler, EpochShuffle, FeatureDataset, rows
from esc50.data.cache import clip_digests
from esc50.data.datasets import open_clips
from esc50.data.features import clip_features, copy_features
from esc50.data.split import Split, draw_split
from esc50.data.table import ClipTable
from esc50.errors import UserError

RESIDENT_SHARE = 0.25  # of a GPU's free memory that the features may fill; the rest is training's
DRAW_COPIES, DRAW_EPOCH = 11, 12  # keep the streams of random numbers apart


class ESC50DataModule(pl.LightningDataModule):
    """Clips of any data set in ESC-50 layout as batches of log-mels.

    Batches are dictionaries: x float32 (batch, 1, height, width), y int64 (batch,), item int64
    (batch,); with mixing also y_mix int64 (batch,) and mix_weight float32 (batch,), that of y.
    Validation and test read clean features only. Of the processes that a trainer runs on, each
    gets its share of every batch, with `weight`, a float, by which its mean loss is to be
    multiplied for the mean over the processes to be that over the batch; what training sees is the
    same on any number of processes.
    """

    def __init__(
        self, data: dict, split: dict, features: dict, augment: dict, batch_size: int, seed: int
    ):
        """Take the config's sections as plain dictionaries."""
        super().__init__()
        self.data, self.split_config, self.batch_size, self.seed = data, split, batch_size, seed
        self.spec = FeatureSpec.parse("features", features)
        self.recipe = make_recipe(augment)
        self.table: ClipTable | None = None
        self.digests: list[str] = []
        self.split: Split | None = None
        self.audit: Audit | None = None
        self.seen_before: Seen | None = None  # by the weights that training starts from

    def open_table(self) -> None:
        """Fetch or make the clips, read their table, digest their audio. Needs no features."""
        if self.table is None:
            self.table = open_clips(self.data)
            self.digests = clip_digests(self.table.paths, Path(self.data["cache_dir"]))

    @property
    def digest(self) -> str:
        """Identify the clips, their names, classes and folds: 16 hexadecimal digits."""
        table = self.table
        rows = zip(table.filenames, self.digests, table.labels, table.folds, strict=True)
        text = "\n".join(" ".join(map(str, row)) for row in rows)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def seen(self) -> Seen:
        """What weights trained on these data have seen, with all that they had seen before."""
        return Seen.by(self.split, self.digests) | (self.seen_before or Seen())

    def prepare_data(self) -> None:
        """Fill the cache, on one process a machine, before the others open it."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Open features, draw copies and split, audit; the second call finds all done."""
        if self.audit is not None:
            return
        self.open_table()
        cache_dir, n = Path(self.data["cache_dir"]), len(self.table)
        arrays = clip_features(self.table, self.spec, self.digests, cache_dir, self.data["workers"])
        self.augment = Augment(self.spec, self.recipe)
        rng = np.random.default_rng([self.seed, DRAW_COPIES])
        clip_of_copy, params = self.augment.sample_copies(n, rng)
        settings = {"seed": self.seed, **self.split_config}
        split = draw_split(self.table, clip_of_copy=clip_of_copy, **settings)
        self.split, used = split.without_unused_copies(n)
        self.copies = None
        if used.size:
            parts = {
                "seed": self.seed,
                "augment": [type(self.recipe).__name__, self.recipe.model_dump()],
                "copies": used.tolist(),
            }
            parts |= {"features": self.spec.model_dump(), "digests": self.digests}
            rendered = copy_features(
                arrays, self.augment, params[used], clip_of_copy[used], parts, cache_dir
            )
            self.copies = torch.from_numpy(rendered)
        self.clips = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.targets = torch.from_numpy(self.table.targets[self.split.clip_of])
        self._sampled = (-1, None)
        self.audit = audit_split(
            self.table, self.split, self.digests, arrays["logmel"], self.seen_before
        )

    def train_dataloader(self) -> DataLoader:
        """Training items, in a new order every epoch.

        On several processes, a last batch of fewer items than processes is left out: batch norm
        can do nothing with an empty share.
        """
        n, world = len(self.split.train), self.trainer.world_size
        if n < world:
            raise UserError(
                f"{n} training items are too few for {world} processes: set a lower trainer.devices"
            )
        order = EpochShuffle(n, self.seed, lambda: self.trainer.current_epoch)
        if self.trainer.overfit_batches:
            order = range(n)
        partners = self._partners if self.augment.online and world > 1 else None
        return self._loader(self.split.train, order, self.augment.online, world, partners)

    def val_dataloader(self) -> DataLoader | list:
        """Validation items; none under `literature`."""
        n = len(self.split.val)
        return self._loader(self.split.val, range(n)) if n else []

    def test_dataloader(self) -> DataLoader:
        """Test clips."""
        return self._loader(self.split.test, range(len(self.split.test)))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment a training batch on its own device; others pass as they are."""
        if "magnitude" in batch:
            batch = self._augmented(batch, self._epoch_params())
            # Of clips rotated at random, the same columns of all are a random part of each.
            batch["x"] = batch["x"][..., : self.augment.columns]
        return batch

    def examples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Log-mels (n, 1, height, width) of training clips, and of what training makes of them.

        The second is None where nothing is augmented.
        """
        train, n_clips = self.split.train, len(self.table)
        clips = train[train < n_clips]
        if self.copies is not None:
            clips = clips[np.isin(clips, self.split.clip_of[n_clips:])]
        clips = clips[:: max(1, len(clips) // n)][:n]
        before = rows(self.clips["logmel"], torch.from_numpy(clips))
        if self.augment.online:
            items = FeatureDataset(clips, self.clips, None, self.targets)
            rng = np.random.default_rng([self.seed, 0, DRAW_EPOCH])
            batch = items.gather(range(len(clips)))
            return before, self._augmented(batch, self.augment.sample_params(n_clips, rng))["x"]
        if self.copies is None:
            return before, None
        source = self.split.clip_of[n_clips:]
        copies = [int(np.argmax(source == clip)) for clip in clips]
        return before, rows(self.copies, torch.tensor(copies))

    def _epoch_params(self) -> AugmentParams:
        """What to do to each clip: one draw a clip and epoch, whatever the batches and devices."""
        epoch = self.trainer.current_epoch
        if self._sampled[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch, DRAW_EPOCH])
            done = epoch / self.trainer.max_epochs
            self._sampled = (epoch, self.augment.sample_params(len(self.table), rng, done))
        return self._sampled[1]

    def _partners(self, positions: np.ndarray) -> np.ndarray:
        """Row of a training batch of what each of its clips is mixed with, or its own."""
        params = self._epoch_params()[self.split.train[positions]]
        return np.where(params.mix_weight != 1, params.partners, np.arange(len(params)))

    def _augmented(self, batch: Batch, params: AugmentParams) -> Batch:
        augment = self.augment.to(batch["x"].device)
        own, partner = params[batch["item"].cpu().numpy()], None
        n = len(own)
        if "partner" in batch:
            n = len(batch["partner"])
            own.mix_weight[n:] = 1  # guests are there to be mixed in as they are
            partner = np.pad(batch["partner"].cpu().numpy(), (0, len(own) - n))
        x, partner, weight = augment.apply_params(
            batch["magnitude"], batch["peak"], batch["x"], own, partner
        )
        kept = {"item": batch["item"][:n], "x": x[:n], "y": batch["y"][:n]}
        if "weight" in batch:
            kept["weight"] = batch["weight"]
        if partner is None:
            return kept
        return kept | {"y_mix": batch["y"][partner][:n], "mix_weight": weight[:n]}

    def _loader(
        self,
        items: np.ndarray,
        order: Sequence[int] | EpochShuffle,
        spectra: bool = False,
        least: int = 1,
        partners: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> DataLoader:
        rank, world = self.trainer.global_rank, self.trainer.world_size
        clips = self.clips if spectra else {"logmel": self.clips["logmel"]}
        copies, targets = self.copies, self.targets
        device = self.trainer.strategy.root_device
        streamed = device.type == "cuda"
        if streamed and _bytes(*clips.values(), copies) < RESIDENT_SHARE * _free(device):
            clips = {name: array.to(device) for name, array in clips.items()}
            copies, targets = copies if copies is None else copies.to(device), targets.to(device)
            streamed = False
        # On a CPU a gather takes a hundredth of the step: workers would cost more than they save.
        return DataLoader(
            FeatureDataset(items, clips, copies, targets),
            batch_sampler=DistributedBatchSampler(
                order, self.batch_size, rank, world, least, partners
            ),
            collate_fn=_as_it_is,
            num_workers=2 if streamed else 0,
            persistent_workers=streamed,
            pin_memory=streamed,
        )


def _bytes(*arrays: Tensor | None) -> int:
    return sum(array.nbytes for array in arrays if array is not None)


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0]


def _as_it_is(batch: Batch) -> Batch:
    return batch

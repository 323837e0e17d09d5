"""Clips made ready for training: split, audited, their features on hand."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from esc50.audio.augment import Augment
from esc50.data.audit import Audit
from esc50.data.batches import FeatureDataset
from esc50.data.split import Split

RESIDENT_PART = 0.25  # of a GPU's free memory that the features may fill; the rest is training's


@dataclass(frozen=True)
class Prepared:
    """What batches are made of, once the split is drawn and the features are there.

    Attributes:
        split: items on each side.
        audit: of the split.
        clips: arrays of the clips, see `clip_features`.
        copies: pictures of the augmented copies; None where there are none.
        targets: int64 (items,).
        augment: changes training clips.
        embedded: what a frozen network's last layer sees of clips and copies, float32 (n, k), which
            batches hold in the place of pictures; None: they hold pictures.
    """

    split: Split
    audit: Audit
    clips: dict[str, Tensor]
    copies: Tensor | None
    targets: Tensor
    augment: Augment
    embedded: tuple[Tensor, Tensor | None] | None = None

    def example_clips(self, n: int) -> np.ndarray:
        """Choose `n` training clips from all over the table, with copies where there are any."""
        n_clips = len(self.clips["logmel"])
        clips = self.split.train[self.split.train < n_clips]
        if self.copies is not None:
            clips = clips[np.isin(clips, self.split.clip_of[n_clips:])]
        return clips[:: max(1, len(clips) // n)][:n]

    def dataset(self, items: np.ndarray, spectra: bool, device: torch.device) -> FeatureDataset:
        """Items of one side, on a GPU where there is room for them and on the CPU elsewhere.

        Args:
            items: int64, their numbers.
            spectra: whether batches hold, beside pictures, what augmentation works on.
            device: that the batches are meant for.
        """
        names = ("logmel", "magnitude", "peak") if spectra else ("logmel",)
        clips = {name: self.clips[name] for name in names}
        copies, targets = self.copies, self.targets
        if self.embedded is not None:
            clips["logmel"], copies = self.embedded
        if _fits(device, *clips.values(), copies):
            clips = {name: array.to(device) for name, array in clips.items()}
            copies, targets = copies if copies is None else copies.to(device), targets.to(device)
        return FeatureDataset(items, clips, copies, targets)


def _fits(device: torch.device, *arrays: Tensor | None) -> bool:
    """Whether it is a GPU with room for the arrays beside training."""
    if device.type != "cuda":
        return False
    size = sum(array.nbytes for array in arrays if array is not None)
    return size < RESIDENT_PART * torch.cuda.mem_get_info(device)[0]

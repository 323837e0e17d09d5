"""A linear probe: what the last layer of a frozen network sees, computed once and cached."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from esc50.data.cache.entries import entry_key, open_or_build
from esc50.data.cache.part import RowWriter
from esc50.data.datamodule import ESC50DataModule
from esc50.data.progress_bar import progress_bar
from esc50.model.lightning.classifier import Classifier
from esc50.model.network import APART
from esc50.model.pretrained.head import backbone_state, head, head_names, see
from esc50.model.trained import AUTOCAST

EMBEDDING = 2  # raise it when what is computed changes
# Pictures that are computed together, whatever the batches of training are: the last digits depend
# on it, and what is cached must be what any run would have computed.
TOGETHER = 32


def embed_once(
    plain: Mapping[str, Any], data: ESC50DataModule, module: Classifier, device: torch.device
) -> None:
    """Have batches hold what the last layer sees, where it alone learns and clips never change.

    Training, validation and test then take the last layer's time. With `augment=online` each epoch
    hears other clips, and the frozen network computes them anew; teachers are asked of pictures.

    Args:
        plain: the config in plain dictionaries, `trainer.precision` resolved.
        data: set up; its batches change.
        module: its network is the one that is trained.
        device: where to compute.
    """
    if plain["model"].get("train") != "head" or data.recipe.online or plain["teachers"]:
        return
    network = Embedder(module, device, plain["trainer"]["precision"])
    prepared = data.prepared
    if not network.ends_in_its_head(prepared.clips["logmel"][:2]):
        return
    cache_dir = Path(data.storage.cache_dir)
    about = {"network": network.digest(), "precision": plain["trainer"]["precision"]}
    about["device"] = device.type
    pictures = {"features": data.spec.key, "digests": data.digests}
    clips = network.cached(prepared.clips["logmel"], {**about, **pictures}, cache_dir)
    copies = None
    if prepared.copies is not None:
        content = hashlib.blake2b(prepared.copies.numpy().data, digest_size=16).hexdigest()
        copies = network.cached(prepared.copies, {**about, "copies": content}, cache_dir)
    data.prepared = replace(prepared, embedded=(clips, copies))


class Embedder:
    """A network in the precision of its run, up to its last layer."""

    def __init__(self, module: Classifier, device: torch.device, precision: str) -> None:
        """Take the module, which stays on the device."""
        self.module, self.device = module.to(device), device
        kind = AUTOCAST.get(precision)
        self.autocast = kind if device.type != "cpu" or kind != torch.float16 else None

    def ends_in_its_head(self, pictures: Tensor) -> bool:
        """Whether the logits are what the last layer makes of what it sees, and nothing else."""
        last = head(self.module.network)
        if len(head_names(self.module.network)) > 1:
            return False
        if not isinstance(last, nn.Linear | nn.Sequential):
            return False
        with self._precision():
            seen, logits = self._see(pictures)
            return torch.allclose(last(seen).float(), logits.float(), rtol=1e-2, atol=1e-2)

    def digest(self) -> str:
        """Identify the network, its frozen weights and the scale of its input."""
        made = hashlib.blake2b(digest_size=16)
        for name, value in backbone_state(self.module.network).items():
            made.update(name.encode())
            made.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
        about, scale = self.module.specification, self.module.objective
        section = {k: v for k, v in about["config"]["model"].items() if k not in APART}
        parts = [section, about.get("architecture"), scale.input_mean, scale.input_std]
        made.update(json.dumps(parts, sort_keys=True, default=str).encode())
        return made.hexdigest()

    def cached(self, pictures: Tensor, parts: Mapping[str, Any], cache_dir: Path) -> Tensor:
        """What the last layer sees of pictures, float32 (n, features), from the cache or computed.

        Args:
            pictures: float32 (n, channels, height, width).
            parts: all that shapes the numbers, for the entry's name.
            cache_dir: the cache.
        """
        n = len(pictures)
        width = self._see(pictures[:1])[0].shape[1]

        def fill(writer: RowWriter) -> None:
            with progress_bar("frozen network", n) as advance, self._precision():
                for start in range(0, n, TOGETHER):
                    rows = slice(start, min(start + TOGETHER, n))
                    if writer.written[rows].all():  # before this build was cut off
                        advance(rows.stop - start)
                        continue
                    seen = self._see(pictures[rows])[0]
                    writer.write(start, seen=seen.float().cpu().numpy())
                    advance(len(seen))

        key = entry_key("embeddings", embedding=EMBEDDING, **parts)
        entry = open_or_build(cache_dir, key, {"seen": ((n, width), "<f4")}, fill)
        return torch.from_numpy(np.asarray(entry.arrays["seen"]))

    def _see(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        network = self.module.network
        was_training = network.training
        x = self.module.scale(pictures.to(self.device))
        try:
            return see(network.eval(), x)
        finally:
            network.train(was_training)

    def _precision(self) -> Any:
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.autocast)

"""Whether training computes on a GPU what it should; a line of JSON per check.

    PYTHONPATH=scripts python -m bench.contestants.gpu_checks CLIPS CACHE

Without a GPU, those checks that a processor can do run on it, at a tiny size.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from bench.gpu import ON_GPU, TINY
from esc50.config.composition import compose_config
from esc50.config.targets import build
from esc50.data import prepared
from esc50.data.datamodule import ESC50DataModule
from esc50.training.module import build_module
from esc50.training.process.environment import setup_environment

STEPS = 4
NEAR = 0.01  # relative difference of the first loss that bfloat16 may make
FAR = 0.3  # of the next ones: Adam's first steps have the size of the rate, whatever the gradient
ROUNDING = 1e-6  # absolute difference of weights that another order of adding may make


class Watch(pl.Callback):
    """Keeps the batches as the network sees them, and the losses."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.batches: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.losses: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: dict, batch_idx: int
    ) -> None:
        """Keep what is trained on."""
        self.batches.append((batch["item"].cpu(), batch["x"].cpu()))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Keep the loss before the step."""
        self.losses.append(outputs["loss"].item())


class Fits:
    """Short trainings on the same clips, each from the same seed."""

    def __init__(self, clips: Path, cache_dir: Path):
        """Take the clips, and where their features are kept."""
        self.clips, self.cache_dir = clips, cache_dir
        self.gpu = torch.cuda.is_available()
        self.extent = ON_GPU if self.gpu else TINY

    def fit(self, augment: str = "none", **trainer: object) -> tuple[Watch, dict]:
        """Train a few steps; returns what was watched, and the weights on the processor."""
        size = self.extent.size
        batch_size = self.extent.batches[0]
        pictures = [f"features.height={size}", f"features.width={size}"]
        cfg = compose_config([f"augment={augment}", f"batch_size={batch_size}", *pictures])
        cfg.data.root, cfg.data.cache_dir = str(self.clips), str(self.cache_dir)
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
        setup_environment(plain["seed"])
        data = ESC50DataModule.from_config(plain)
        data.setup()
        watch = Watch()
        settings = plain["trainer"] | {
            "precision": "32-true",
            "max_epochs": 1,
            "limit_train_batches": STEPS,
            "limit_val_batches": 0,
            "enable_progress_bar": False,
            **trainer,
        }
        given = {
            "callbacks": [watch],
            "logger": False,
            "enable_checkpointing": False,
            "use_distributed_sampler": False,  # as in training: the data module does that
        }
        module = build_module(plain, data, {})
        build("trainer", settings, given).fit(module, datamodule=data)
        return watch, {name: value.cpu() for name, value in module.state_dict().items()}

    def precision(self) -> tuple[bool, str]:
        """Losses of bfloat16 and float32 side by side."""
        ours, theirs = (self.fit(precision=p)[0].losses for p in ("bf16-mixed", "32-true"))
        first, *later = (abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))
        said = f"first loss {first:.2%} apart, the next {len(later)} at most {max(later):.2%}"
        return first < NEAR and max(later) < FAR, said

    def resident(self) -> tuple[bool, str]:
        """Batches gathered on the GPU, and those of a run on the processor."""
        return self._same_batches(prepared.RESIDENT_PART)

    def pinned(self) -> tuple[bool, str]:
        """Batches that workers gather into pinned memory, as where the GPU has no room."""
        return self._same_batches(0.0)

    def _same_batches(self, part: float) -> tuple[bool, str]:
        usual, prepared.RESIDENT_PART = prepared.RESIDENT_PART, part
        try:
            ours = self.fit(accelerator="gpu")[0].batches
        finally:
            prepared.RESIDENT_PART = usual
        theirs = self.fit(accelerator="cpu")[0].batches
        same = all(
            torch.equal(a, b)
            for one in zip(ours, theirs, strict=True)
            for a, b in zip(*one, strict=True)
        )
        return same, f"{len(ours)} batches {'equal' if same else 'differ'}"

    def ddp(self) -> tuple[bool, str]:
        """Weights after a few steps, with and without DDP."""
        weights = [self.fit(strategy=strategy)[1] for strategy in ("ddp", "auto")]
        apart = _apart(*weights)
        return apart < ROUNDING, f"weights at most {apart:.1g} apart"

    def deterministic(self) -> tuple[bool, str]:
        """Weights after the same run twice, augmented, in the precision of this machine."""
        precision = "bf16-mixed" if self.gpu else "32-true"
        weights = [self.fit("online", precision=precision)[1] for _ in range(2)]
        apart = _apart(*weights)
        return apart == 0, f"weights at most {apart:.1g} apart"


def _apart(one: dict, other: dict) -> float:
    return max((one[name].double() - other[name].double()).abs().max().item() for name in one)


def main(clips: str, cache_dir: str) -> None:
    """Run the checks, each of which may fail without the others."""
    fits = Fits(Path(clips), Path(cache_dir))
    checks: list[Callable[[], tuple[bool, str]]] = [fits.precision, fits.ddp, fits.deterministic]
    if fits.gpu:
        checks += [fits.resident, fits.pinned]
    for check in checks:
        try:
            passed, said = check()
        except Exception as error:  # the others still have their turn
            passed, said = False, f"{type(error).__name__}: {error}"[:300]
        print(json.dumps({"check": check.__name__, "passed": passed, "said": said}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

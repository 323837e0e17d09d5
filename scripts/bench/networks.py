"""Networks' training steps in bfloat16 against float32: what `trainer.precision=auto` rests on."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from bench.contest import Contestant, Turns, compete, make_row
from esc50.config.composition import compose_plain
from esc50.config.targets import build
from esc50.data.progress_bar import progress_bar
from esc50.model.network import build_network
from esc50.training.memory import keep_freed_memory

N_CLASSES = 50
VISION = (
    "mobilenet_v3_small efficientnet_b0 mnasnet0_5 shufflenet_v2_x0_5 efficientnet_v2_s".split()
)
VISION += "convnext_tiny resnet50 densenet121".split()
NETWORKS = {  # overrides, picture
    "resnet18, 128 x 128": (["model=resnet18"], (128, 128)),
    "resnet18_2x4, 128 x 64": (["model=resnet18_2x4"], (128, 64)),
    "resnet18, 32 x 32": (["model=resnet18"], (32, 32)),
    **{name: (["model=torchvision", f"model.name={name}"], (128, 128)) for name in VISION},
    "vit_tiny": (["model=vit_tiny"], (128, 128)),
}


def precisions(scratch: Path, repeats: int, batch_size: int = 16, steps: int = 2) -> list[dict]:
    """(i) Clips per second of each network's step in bfloat16, against float32."""
    rows = []
    for name, (overrides, size) in NETWORKS.items():
        how = {"overrides": overrides, "size": size, "batch_size": batch_size, "steps": steps}
        who = {
            kind: Contestant("bench.networks:step", {**how, "bfloat16": kind == "bfloat16"})
            for kind in ("bfloat16", "float32")
        }
        with progress_bar(name, repeats * len(who)) as advance:
            done = compete(who, repeats, scratch, advance)
        outcome, other = done["bfloat16"], done["float32"]
        rows.append(
            make_row("i", f"{name}, bfloat16", "clips/s", outcome, against="float32", other=other)
        )
    return rows


def step(
    turns: Turns,
    overrides: list[str],
    size: tuple[int, int],
    batch_size: int,
    steps: int,
    bfloat16: bool,
) -> None:
    """Take turns of `steps` training steps of a network on one batch."""
    train = _trainer(overrides, (size[0], size[1]), batch_size, bfloat16)
    train(1)
    while turns.wait():
        start = time.perf_counter()
        train(steps)
        turns.report(batch_size * steps / (time.perf_counter() - start))


def _trainer(
    overrides: list[str], size: tuple[int, int], batch_size: int, bfloat16: bool
) -> Callable[[int], None]:
    keep_freed_memory()
    plain = compose_plain(overrides)
    network = build_network(plain["model"], N_CLASSES, size).train()
    optimizer = build("optimizer", plain["optimizer"])(network.parameters())
    x, y = torch.randn(batch_size, 1, *size), torch.randint(N_CLASSES, (batch_size,))

    def train(steps: int) -> None:
        for _ in range(steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return train

"""The bare training step of our network, in every way that might make it faster: clips per second.

No loader, no Lightning, no metrics: the limit of what training can reach, and on a GPU the
candidates for lifting it.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.contest import Turns
from esc50.config.composition import compose_plain
from esc50.config.hardware import resolve_precision
from esc50.config.targets import build
from esc50.model.network import build_network
from esc50.model.resnet import single_channel_resnet18
from esc50.training.process.memory import keep_freed_memory

N_CLASSES = 50
WARM_UP = 3  # steps before anything is timed or captured


@dataclass(frozen=True)
class Step:
    """How the step is made.

    Attributes:
        batch_size: of one batch, which lies on the device.
        size: of its pictures: both sides, or height and width.
        overrides: what names the network, where it is laid out as ours.
        bfloat16: whether it computes in it; None: where training does.
        layout: ours (interleaved where it helps), interleaved or planar.
        compiled: a mode of torch.compile; None: eager.
        graph: whether a CUDA graph replays the whole step.
        fused: whether one kernel updates all parameters.
    """

    batch_size: int
    size: int | tuple[int, int] = 128
    overrides: tuple[str, ...] = ()
    bfloat16: bool | None = None
    layout: str = "ours"
    compiled: str | None = None
    graph: bool = False
    fused: bool = True

    def trainer(self) -> Callable[[int], None]:
        """Set it up; returns what trains so many steps and waits for the last."""
        keep_freed_memory()
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        plain = compose_plain(list(self.overrides))
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        network = self._network(plain["model"], (height, width)).to(device)
        module = torch.compile(network, mode=self.compiled) if self.compiled else network
        settings = plain["optimizer"] | {"fused": self.fused}
        if self.graph:
            settings["capturable"] = True
        optimizer = build("optimizer", settings)(network.parameters())
        fast = self.bfloat16
        if fast is None:
            fast = resolve_precision(plain["trainer"]) == "bf16-mixed"
        x = torch.randn(self.batch_size, 1, height, width, device=device)
        y = torch.randint(N_CLASSES, (self.batch_size,), device=device)

        def step() -> torch.Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=fast):
                loss = F.cross_entropy(module((x - 0.5) / 0.5), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        once = _captured(step) if self.graph else step

        def train(steps: int) -> None:
            for _ in range(steps):
                loss = once()
            loss.item()  # waits for a GPU

        return train

    def _network(self, section: dict, size: tuple[int, int]) -> nn.Module:
        if self.layout == "ours":
            return build_network(section, N_CLASSES, size).train()
        interleaved = self.layout == "interleaved"
        kind = torch.channels_last if interleaved else torch.contiguous_format
        return single_channel_resnet18(N_CLASSES).to(memory_format=kind)


def _captured(step: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """Record the step as a CUDA graph, after some on a stream of its own, as capturing asks."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay() -> torch.Tensor:
        graph.replay()
        return loss

    return replay


def bare(turns: Turns, steps: int, neighbours: int = 0, **how: Any) -> None:
    """Take turns of `steps` steps, each beside so many processes that spin."""
    step = Step(**how)  # from JSON
    train = step.trainer()
    train(WARM_UP)
    while turns.wait():
        with _busy(neighbours):
            start = time.perf_counter()
            train(steps)
            turns.report(step.batch_size * steps / (time.perf_counter() - start))


@contextmanager
def _busy(n: int) -> Iterator[None]:
    """Keep `n` other processes spinning meanwhile."""
    command = [sys.executable, "-Sc", "print(flush=True)\nwhile True: pass"]
    spinning = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(n)]
    try:
        for process in spinning:
            assert process.stdout is not None  # a pipe
            process.stdout.readline()
        yield
    finally:
        for process in spinning:
            with process:  # closes the pipe and waits for the end
                process.kill()

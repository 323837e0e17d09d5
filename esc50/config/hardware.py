"""What this machine computes with, found out without loading torch: GPUs, processor, precision."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

BFLOAT16_GPU = 8.0  # compute capability from which NVIDIA's GPUs multiply bfloat16 (Ampere)
GPU = re.compile(r"\d+$|GPU-|MIG-")  # as CUDA names one: by index, or by UUID
# What is in the names of networks of small depthwise convolutions: on processors with bfloat16 they
# train at 0.4 to 0.8 of their speed in float32, where others reach 1.1 to 2.5 times theirs
# (scripts/benchmark.py --only i).
SLOW_IN_BFLOAT16 = ("mobilenet", "efficientnet_b", "mnasnet", "shufflenet")
# Lightning's other names of precisions; under one name a run is the same one, and its checkpoint
# answers as it was tested.
FULL_NAMES = {"32": "32-true", "64": "64-true", "16": "16-mixed", "bf16": "bf16-mixed"}
# Instruction sets as /proc/cpuinfo names them, the most capable first.
INSTRUCTION_SETS = {
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX512-BF16",
    "avx512f": "AVX512",
    "avx2": "AVX2",
}


def visible_gpus() -> list[str]:
    """Name the GPUs that this process may use, as CUDA_VISIBLE_DEVICES would.

    CUDA reads that list as far as its first invalid name, and one that repeats a name not at all.
    """
    declared = os.environ.get("CUDA_VISIBLE_DEVICES")
    if declared is None:
        return [index for index, _, _ in _nvidia_gpus()]
    names = list(takewhile(GPU.match, (name.strip() for name in declared.split(","))))
    return names if len(set(names)) == len(names) else []


def resolve_precision(trainer: Mapping[str, Any], model: Mapping[str, Any] | None = None) -> str:
    """Say which precision a config stands for on this machine, by Lightning's full name of it.

    16-mixed on a processor is bf16-mixed, which Lightning computes in there. `auto` is bf16-mixed
    where a GPU or the processor's own instructions (AMX, AVX512-BF16) multiply bfloat16, which is
    then faster; 32-true elsewhere, where it would be emulated, and for the few networks that are
    slower in it on processors. A rule, not a race, and known before torch loads, since it is part
    of a run's signature.

    Args:
        trainer: the config's section: `accelerator`, Lightning's name of it (auto, cpu, gpu, cuda,
            mps), and `precision`.
        model: the config's section, whose `name` counts; None: a network that gains.
    """
    accelerator, precision = trainer["accelerator"], trainer["precision"]
    if precision != "auto":
        name = FULL_NAMES.get(str(precision), str(precision))
        return "bf16-mixed" if name == "16-mixed" and _on_processor(accelerator) else name
    if accelerator == "mps" or (accelerator == "auto" and _is_apple()):
        return "32-true"
    if accelerator != "cpu":
        found = filter(None, map(_capability, visible_gpus()))
        if least := min(found, default=None):
            return "bf16-mixed" if least >= BFLOAT16_GPU else "32-true"
    name = str((model or {}).get("name"))
    slower = any(part in name for part in SLOW_IN_BFLOAT16)
    able = instruction_set() in ("AMX", "AVX512-BF16")
    return "bf16-mixed" if able and not slower else "32-true"


def instruction_set() -> str | None:
    """Name the most capable instruction set for matrices; None where it cannot be found out."""
    flags = _cpuinfo().get("flags", "").split()
    return next((name for flag, name in INSTRUCTION_SETS.items() if flag in flags), None)


def processor() -> str:
    """Name the processor, with its instruction set where known: `AMD EPYC, AVX2`."""
    name = _cpuinfo().get("model name") or platform.processor() or platform.machine()
    return ", ".join(filter(None, [name, instruction_set()]))


def _capability(name: str) -> float | None:
    """Compute capability of a visible GPU, whose UUID may be cut short; None: there is no such."""
    gpus = _nvidia_gpus()
    if gpus and name.startswith("MIG-"):
        return BFLOAT16_GPU  # at the least: none before Ampere can be partitioned
    fits = (cap for index, uuid, cap in gpus if name == index or uuid.startswith(name))
    return next(fits, None)


def _on_processor(accelerator: str) -> bool:
    if accelerator != "auto":
        return accelerator == "cpu"
    return not (_is_apple() or (_nvidia_gpus() and visible_gpus()))


def _is_apple() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


@cache
def _cpuinfo() -> dict[str, str]:
    """The first processor's entries in Linux's /proc/cpuinfo; {} elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


@cache
def _nvidia_gpus() -> list[tuple[str, str, float]]:
    """Index, UUID and compute capability of each GPU; [] where there is no NVIDIA driver."""
    query = ["nvidia-smi", "--query-gpu=index,uuid,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.split(", ") for line in done.stdout.splitlines()] if not done.returncode else []
    return [(index, uuid, float(capability)) for index, uuid, capability in rows]

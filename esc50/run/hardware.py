"""What this machine is good at, found out rather than asked."""

import ctypes
import sys

import torch

MMAP_THRESHOLD, TRIM_THRESHOLD, TOP_PAD = -3, -1, -2  # glibc's malloc.h: M_MMAP_THRESHOLD, ...


def best_precision(accelerator: str) -> str:
    """Choose bf16-mixed where matrix units for it exist, else 32-true.

    A CPU with AMX or AVX512-BF16 trains about three times as fast in bfloat16; one without
    emulates it and takes many times as long.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    if accelerator == "mps" or (accelerator == "auto" and torch.backends.mps.is_available()):
        return "32-true"
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if fast else "32-true"


def keep_freed_memory() -> None:
    """Have glibc keep freed memory instead of returning it to the system.

    Each training step frees and takes hundreds of megabytes of activations; by default they are
    unmapped and mapped anew, and the page faults cost a third of the step on a CPU.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent on musl
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 1 << 30)
        mallopt(TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(TOP_PAD, 1 << 28)

"""What conf/ computes: ${esc50.folder:}, ${esc50.mode:...}, ${esc50.frames:...} and others."""

from collections.abc import Callable
from typing import Any

from omegaconf import OmegaConf

from esc50.config.hardware import visible_gpus
from esc50.config.signature import folder, mode


def register_resolvers() -> None:
    """Make the resolvers that conf/ uses known to OmegaConf; a second call changes nothing."""
    resolvers: dict[str, Callable[..., Any]] = {
        "esc50.folder": lambda *, _root_: folder(_root_),
        "esc50.mode": mode,
        "esc50.frames": frames,
        "esc50.gpus_per_job": lambda: min(1, len(visible_gpus())),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def frames(seconds: float, sample_rate: int, hop_length: int, frame_length: int = 0) -> int:
    """Count the frames that a clip makes: all of them are shown, and no padding.

    A clip of 431 frames, ESC-50's five seconds, is padded to the published pipeline's 500. With a
    `frame_length` in samples, frames are those that lie whole within the clip.
    """
    try:
        own = 1 + (round(seconds * sample_rate) - frame_length) // hop_length
    except (TypeError, ZeroDivisionError, OverflowError):
        return 1  # whoever checks these settings says what is wrong with them
    if frame_length:
        return max(1, own)
    return 500 if own == 431 else own

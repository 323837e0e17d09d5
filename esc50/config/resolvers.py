"""What conf/ computes: ${esc50.folder:}, ${esc50.mode:...}, ${esc50.gpus_per_job:}."""

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
        "esc50.gpus_per_job": lambda: min(1, len(visible_gpus())),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)

"""Builds the network that a config's `model` section names."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from esc50.config.targets import build
from esc50.model.resnet import optimize_memory_layout


def build_network(section: Mapping[str, Any], n_classes: int, size: tuple[int, int]) -> nn.Module:
    """Build the network of a `model` section.

    Its class or function is given `n_classes` (or `num_classes`) and `size` where it takes them.

    Args:
        section: `_target_` and its arguments.
        n_classes: outputs.
        size: height and width of the input.

    Raises:
        UserError: the target does not exist, does not take these arguments, or refuses them.
    """
    return optimize_memory_layout(build_plain_network(section, n_classes, size), size)


def build_plain_network(
    section: Mapping[str, Any], n_classes: int, size: tuple[int, int]
) -> nn.Module:
    """Build the network as its class makes it, see `build_network`: what other runtimes compute."""
    given = {"n_classes": n_classes, "num_classes": n_classes, "size": size}
    network: nn.Module = build("model", section, given)
    return network

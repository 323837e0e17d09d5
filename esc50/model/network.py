"""Builds the network that a config's `model` section names."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from esc50.config.targets import build, takes
from esc50.errors import UserError
from esc50.model.resnet import optimize_memory_layout


def build_network(
    section: Mapping[str, Any], n_classes: int, size: tuple[int, int], in_channels: int = 1
) -> nn.Module:
    """Build the network of a `model` section.

    Its class or function is given `n_classes` (or `num_classes`), `size` and `in_channels` where it
    takes them.

    Args:
        section: `_target_` and its arguments.
        n_classes: outputs.
        size: height and width of the input.
        in_channels: pictures that lie behind one another in the input.

    Raises:
        UserError: the target does not exist, does not take these arguments, or refuses them.
    """
    network = build_plain_network(section, n_classes, size, in_channels)
    return optimize_memory_layout(network, size)


def build_plain_network(
    section: Mapping[str, Any], n_classes: int, size: tuple[int, int], in_channels: int = 1
) -> nn.Module:
    """Build the network as its class makes it, see `build_network`: what other runtimes compute."""
    given: dict[str, Any] = {"n_classes": n_classes, "num_classes": n_classes, "size": size}
    given["in_channels"] = in_channels
    if in_channels != 1 and not takes("model", section, "in_channels"):
        raise UserError(
            f"features: pictures of {in_channels} channels are nothing for a network without an "
            f"argument in_channels, which {section.get('_target_')} does not take"
        )
    network: nn.Module = build("model", section, given)
    return network

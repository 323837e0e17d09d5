"""Builds the network that a config's `model` section names."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from esc50.config.schema.sections import ModelUse
from esc50.config.targets import build, check_target, takes
from esc50.errors import UserError
from esc50.model.pretrained.hub import NETWORK, check_had
from esc50.model.pretrained.weights import Weights, check_there, load_weights, own_checkpoint
from esc50.model.resnet import optimize_memory_layout
from esc50.model.timm_models import check_timm
from esc50.model.torchvision_models import check_torchvision

RUN_KEYS = tuple(ModelUse.model_fields)  # what the run does with a network; it is not told
APART = (*RUN_KEYS, "weights")  # what says nothing of which network it is
GIVEN = ("n_classes", "num_classes", "size", "in_channels", "architecture")  # told beside them
# Of this package's networks by their module: the word that `weights` may be, of published ones; and
# what knows the names that `name` may be.
WORDS = {
    **dict.fromkeys(("resnet", "torchvision_models", "timm_models"), "imagenet"),
    "panns": "audioset",
    "beats": None,
}
NAMES = {"torchvision_models": check_torchvision, "timm_models": check_timm}


def check_network(section: Mapping[str, Any]) -> None:
    """Refuse a `model` section whose target, name or weights do not exist or fit."""
    package, _, rest = str(section.get("_target_")).partition("esc50.model.")
    module, weights = rest.partition(".")[0], section.get("weights")
    if not package and module in WORDS:  # others may know names of their own
        check_there(weights, WORDS[module])
    check_target("model", _to_build(section)[0], dict.fromkeys(GIVEN))
    if not package and module in NAMES and "name" in section:
        NAMES[module](str(section["name"]))


def check_weights_had(section: Mapping[str, Any]) -> None:
    """Refuse weights that the Hugging Face hub does not give, before data is read."""
    if section.get("_target_") == NETWORK:
        check_had(section.get("weights"))


def build_network(
    section: Mapping[str, Any],
    n_classes: int,
    size: tuple[int, int],
    in_channels: int = 1,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build the network of a `model` section, with the weights it names.

    Its class or function is given `n_classes` (or `num_classes`), `size`, `in_channels` and
    `architecture` where it takes them. Of a checkpoint of this package all but the last layer is
    taken, whatever the network.

    Args:
        section: `_target_` and its arguments.
        n_classes: outputs.
        size: height and width of the input.
        in_channels: pictures that lie behind one another in the input.
        architecture: what a checkpoint says of a network that its section does not say.

    Raises:
        UserError: the target does not exist, does not take these arguments, or refuses them; or
            the weights are another network's.
    """
    network = build_plain_network(section, n_classes, size, in_channels, architecture)
    return optimize_memory_layout(network, size)


def build_plain_network(
    section: Mapping[str, Any],
    n_classes: int,
    size: tuple[int, int],
    in_channels: int = 1,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build the network as its class makes it, see `build_network`: what other runtimes compute."""
    arguments, start = _to_build(section)
    if start is not None:
        _check_same(section, start)
        assert start.specification is not None
        architecture = start.specification.get("architecture")
    if in_channels != 1 and not takes("model", arguments, "in_channels"):
        raise UserError(
            f"features: pictures of {in_channels} channels are nothing for a network without an "
            f"argument in_channels, which {section.get('_target_')} does not take"
        )
    target = str(section.get("_target_"))
    if size[0] == 1 and target.startswith("esc50.") and target != NETWORK:
        raise UserError(
            "features: a waveform is no picture, which this network takes: choose one that "
            "hears them, as model=wav2vec2 or model=huggingface do"
        )
    values = (n_classes, n_classes, size, in_channels, architecture)
    network: nn.Module = build("model", arguments, dict(zip(GIVEN, values, strict=True)))
    if start is not None:
        load_weights(network, start, "this network at this size of picture")
    return network


def without_weights(section: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a section whose network is to be built without weights, since a checkpoint's follow."""
    return {**section, "weights": None} if "weights" in section else dict(section)


def _to_build(section: Mapping[str, Any]) -> tuple[dict[str, Any], Weights | None]:
    """Split a section into what is built and the checkpoint of this package it starts from."""
    arguments = {key: value for key, value in section.items() if key not in RUN_KEYS}
    start = own_checkpoint(arguments.get("weights"))
    if start is None:
        return arguments, None
    arguments = without_weights(arguments)
    if not takes("model", arguments, "weights"):
        del arguments["weights"]
    return arguments, start


def _check_same(section: Mapping[str, Any], start: Weights) -> None:
    """Refuse a checkpoint of another network, by the first key that differs."""
    assert start.specification is not None
    theirs = start.specification["config"]["model"]
    for key in dict.fromkeys([*section, *theirs]):
        if key not in APART and section.get(key) != theirs.get(key):
            raise UserError(
                f"model.weights={start.path} is of a network with model.{key}="
                f"{_show(theirs.get(key))}, not {_show(section.get(key))}: choose the network that "
                "it is of"
            )


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

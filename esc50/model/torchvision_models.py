"""Any torchvision classifier by name, on pictures of one channel or several."""

import difflib
from collections import OrderedDict
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn
from torchvision import models

from esc50.errors import UserError
from esc50.model.pretrained.weights import Weights, load_weights, match_channels, read_weights

POSITIONS = "encoder.pos_embedding"  # of a vision transformer's patches
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")  # outputs on the way, which are left out


def torchvision_network(
    name: str,
    n_classes: int,
    size: tuple[int, int],
    weights: str | None = None,
    in_channels: int = 1,
) -> nn.Module:
    """Build a torchvision model: pictures (batch, in_channels, height, width) to logits.

    The filters of its first convolution are kept for three channels; otherwise summed over red,
    green and blue and shared evenly among the channels, which gives what the three-channel network
    sees of a grey picture.

    Args:
        name: torchvision's.
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input.
        weights: None, "imagenet" (torchvision's default ones), or a file of that model's weights,
            of whatever classes: see `read_weights`.
        in_channels: of the features.

    Raises:
        UserError: torchvision has no such model, it cannot take pictures of that size, or the
            weights cannot be downloaded or read, or are another model's.
    """
    check_torchvision(name)
    settings: dict[str, Any] = {"num_classes": n_classes, **_of_size(name, size)}
    try:
        network = models.get_model(name, **settings)
        _drop_auxiliary(network)
        if in_channels != 3:
            _set_channels(network, in_channels)
        if weights is not None:
            read = _imagenet(name) if weights == "imagenet" else read_weights(weights)
            _load(network, read, name)
        with torch.no_grad():
            network.eval()(torch.zeros(1, in_channels, *size))
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"model.name={name} with model.weights={weights or 'null'} cannot be built for pictures"
            f" of {size[0]} x {size[1]}: {reason}"
        ) from None
    return network.train()


def check_torchvision(name: str) -> None:
    """Refuse a name that torchvision has no classifier of, with those that are like it.

    Raises:
        UserError: that.
    """
    known = models.list_models(module=models)
    if name in known:
        return
    close = difflib.get_close_matches(name, known, 4, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else "see torchvision.models.list_models()"
    raise UserError(f"model.name={name} is no torchvision model: {hint}")


def _of_size(name: str, size: tuple[int, int]) -> dict[str, Any]:
    """Arguments of the networks that are built for one size of picture."""
    if name.startswith("vit_") and size[0] == size[1]:
        return {"image_size": size[0]}
    if name.startswith("maxvit"):
        return {"input_size": size}
    return {}


def _drop_auxiliary(network: nn.Module) -> None:
    """Leave out the second and third outputs that GoogLeNet and Inception train with."""
    if getattr(network, "aux_logits", False):
        network.aux_logits = False  # type: ignore[assignment]
        for name in ("AuxLogits", "aux1", "aux2"):
            if hasattr(network, name):
                setattr(network, name, None)


def _imagenet(name: str) -> Weights:
    weights = models.get_model_weights(name).DEFAULT
    try:
        return Weights("imagenet", dict(weights.get_state_dict(progress=True, check_hash=True)))
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"model.weights=imagenet of model.name={name} cannot be downloaded ({error}): fetch "
            f"{weights.url} where there is a network and give its path as model.weights="
            "/path/to/file.pth, or train from scratch with model.weights=null"
        ) from None


def _load(network: nn.Module, weights: Weights, name: str) -> None:
    """Lay weights into a network, a transformer's positions interpolated to its size."""
    state = {k: v for k, v in weights.state.items() if not k.startswith(AUXILIARY)}
    if isinstance(network, models.VisionTransformer) and POSITIONS in state:
        state = dict(
            models.vision_transformer.interpolate_embeddings(
                network.image_size, network.patch_size, OrderedDict(state)
            )
        )
    load_weights(network, replace(weights, state=state), f"torchvision's {name}")


def _set_channels(network: nn.Module, in_channels: int) -> None:
    """Replace the first convolution by one of so many input channels."""
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and child.in_channels == 3:
                single = nn.Conv2d(
                    in_channels,
                    child.out_channels,
                    cast(tuple[int, int], child.kernel_size),
                    cast(tuple[int, int], child.stride),
                    cast(tuple[int, int], child.padding),
                    bias=child.bias is not None,
                )
                single.weight.data = match_channels(child.weight.data, single.weight)
                single.bias = child.bias
                setattr(parent, name, single)
                return
    raise ValueError("it has no convolution of three input channels")

"""Any torchvision classifier on pictures of one channel or several, to compare with ResNet-18."""

from typing import cast

import torch
from torch import nn
from torchvision import models

from esc50.errors import UserError
from esc50.model.resnet import share_filters


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
        weights: None, or "imagenet" (torchvision's default ones).
        in_channels: of the features.

    Raises:
        UserError: torchvision has no such model, it cannot take pictures of that size, or the
            weights cannot be downloaded.
    """
    if name not in models.list_models(module=models):
        raise UserError(
            f"model.name={name} is no torchvision model: it has efficientnet_b0, convnext_tiny, "
            "mobilenet_v3_small and others, see torchvision.models.list_models()"
        )
    if weights not in (None, "imagenet"):
        raise UserError(f"model.weights={weights} is invalid: it takes null or imagenet")
    network = models.get_model(name, num_classes=n_classes)
    try:
        if weights is not None:
            _load_all_but_the_last(network, models.get_model_weights(name).DEFAULT)
        if in_channels != 3:
            _set_channels(network, in_channels)
        with torch.no_grad():
            network.eval()(torch.zeros(1, in_channels, *size))
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"model.name={name} with model.weights={weights or 'null'} cannot be built for pictures"
            f" of {size[0]} x {size[1]}: {reason}"
        ) from None
    return network.train()


def _load_all_but_the_last(network: nn.Module, weights: models.WeightsEnum) -> None:
    """Load the weights whose shapes agree: all but those of the last layer."""
    own = network.state_dict()
    state = weights.get_state_dict(progress=True, check_hash=True)
    same = {key: value for key, value in state.items() if own[key].shape == value.shape}
    network.load_state_dict(same, strict=False)


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
                single.weight.data = share_filters(child.weight.data, in_channels)
                single.bias = child.bias
                setattr(parent, name, single)
                return
    raise ValueError("it has no convolution of three input channels")

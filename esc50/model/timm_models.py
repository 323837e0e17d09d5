"""Any timm model by name, on pictures of one channel or several."""

import difflib
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from esc50.errors import UserError
from esc50.model.pretrained.head import head_prefixes
from esc50.model.pretrained.hub import without_retries
from esc50.model.pretrained.weights import read_weights, weights_file


def timm_network(
    name: str,
    n_classes: int,
    size: tuple[int, int],
    weights: str | None = None,
    in_channels: int = 1,
) -> nn.Module:
    """Build a timm model: pictures (batch, in_channels, height, width) to logits.

    Of three-channel weights timm sums the first layer over the channels for one channel, and
    interpolates the positions of transformers made for another size.

    Args:
        name: timm's.
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input.
        weights: None, "imagenet" (those that timm has by default), or the path of a checkpoint of
            that model, as .pth or .safetensors.
        in_channels: of the features.

    Raises:
        UserError: timm is not installed, has no such model or one that cannot take the size, or the
            weights cannot be downloaded or read, or are another model's.
    """
    check_timm(name)
    import timm

    known = timm.get_pretrained_cfg(name)
    settings: dict[str, Any] = {"in_chans": in_channels, "num_classes": n_classes}
    if known is not None and known.fixed_input_size:
        settings["img_size"] = size
    if weights is not None:
        settings["pretrained"] = True
    from_file = weights not in (None, "imagenet")
    if from_file:
        settings["pretrained_cfg_overlay"] = {"file": str(weights_file(str(weights)))}
    try:
        if from_file:
            _check_weights(name, str(weights))
        with without_retries() if weights == "imagenet" else nullcontext():
            network = timm.create_model(name, **settings)
        with torch.no_grad():
            network.eval()(torch.zeros(1, in_channels, *size))
    except (OSError, RuntimeError, AssertionError, LookupError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"model.name={name} with model.weights={weights or 'null'} cannot be built for pictures"
            f" of {size[0]} x {size[1]}: {reason}{_elsewhere(known, weights)}"
        ) from None
    return network.train()


def check_timm(name: str) -> None:
    """Refuse a name that timm has no model of, with those that are like it.

    Raises:
        UserError: that, or timm is not installed.
    """
    try:
        import timm
    except ImportError:
        raise UserError(f"model.name={name} needs timm: pip install 'esc50[models]'") from None
    if timm.is_model(name):
        return
    close = difflib.get_close_matches(name, timm.list_models(), 4, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else "see timm.list_models()"
    raise UserError(f"model.name={name} is no timm model: {hint}")


def _elsewhere(known: Any, weights: str | None) -> str:
    """Say where the default weights are to be had, in case they could not be downloaded."""
    if weights != "imagenet" or known is None:
        return ""
    place = f"https://huggingface.co/{known.hf_hub_id}" if known.hf_hub_id else known.url
    return (
        f"; offline, fetch model.safetensors from {place} elsewhere and give its path as "
        "model.weights=/path/to/model.safetensors, or train from scratch with model.weights=null"
    )


def _check_weights(name: str, path: str) -> None:
    """Refuse a file that does not hold the model, which timm would load in part or not at all."""
    from timm import create_model

    state, own = read_weights(path).state, create_model(name)
    outside = head_prefixes(own)
    wrong = [key for key in own.state_dict() if key not in state and not key.startswith(outside)]
    if wrong:
        raise ValueError(f"{wrong[0]} is missing there")

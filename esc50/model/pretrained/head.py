"""The last layer and what lies before it: which of them learn, and how fast."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

Names = list[str]  # of parameters


def head_names(network: nn.Module) -> tuple[str, ...]:
    """Name the last layers, which are made for the classes: several of some that were distilled.

    Of a ResNet it is `fc`, of a timm network what timm says; else the last linear layer, or where
    there is none the last convolution.
    """
    if isinstance(network, ResNet):
        return ("fc",)
    told = getattr(network, "pretrained_cfg", None)
    if isinstance(told, Mapping) and (named := told.get("classifier")):
        names = (named,) if isinstance(named, str) else tuple(named)
        layers = dict(network.named_modules())
        if all(name in layers for name in names):
            return names
    for kind in (nn.Linear, nn.Conv2d):
        found = [name for name, layer in network.named_modules() if isinstance(layer, kind)]
        if found:
            return (found[-1],)
    raise ValueError("the network has neither a linear layer nor a convolution")


def head(network: nn.Module) -> nn.Module:
    """Return the last layer, of several the last of them: see `head_names`."""
    return network.get_submodule(head_names(network)[-1])


def head_prefixes(network: nn.Module) -> tuple[str, ...]:
    """How the names of all parameters of the last layers begin."""
    return tuple(f"{name}." for name in head_names(network))


def blocks(network: nn.Module, picture: Tensor | None = None) -> list[Names]:
    """List the parameters before the last layer by blocks, from the input to the output.

    A block is an element of the outermost sequences and lists of layers, or another layer; one
    that holds more than half of all parameters, in a sequence or list of its own, is taken apart
    too. Norms belong to the block before them, parameters of no layer to the first.

    Args:
        network: as it was built.
        picture: (1, channels, height, width), which passes the network to find out in which order
            it uses its layers; None: they are taken to stand in that order.
    """
    outside = head_prefixes(network)
    total = sum(parameter.numel() for parameter in network.parameters())
    layers: list[Names] = []
    for prefix, layer in _layers(network, "", total):
        own = [f"{prefix}{name}" for name, _ in layer.named_parameters()]
        if own := [name for name in own if not name.startswith(outside)]:
            layers.append(own)
    if picture is not None:
        layers = _as_used(network, layers, picture)
    found: list[Names] = []
    for own in layers:
        if found and all(network.get_parameter(name).ndim == 1 for name in own):
            found[-1] += own
        else:
            found.append(own)
    listed = {name for block in found for name in block}
    every = [name for name, _ in network.named_parameters() if not name.startswith(outside)]
    if loose := [name for name in every if name not in listed]:
        found[:1] = [loose + (found[0] if found else [])]
    return found


@torch.no_grad()
def _as_used(network: nn.Module, layers: list[Names], picture: Tensor) -> list[Names]:
    """Order layers by when a picture first comes to them; what it passes by stays where it is."""
    first: dict[str, int] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            first.setdefault(name, len(first))

        return hook

    hooks = [m.register_forward_pre_hook(note(name)) for name, m in network.named_modules()]
    was_training = network.training
    try:
        network.eval()(picture)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    places: list[int] = []
    for names in layers:
        owners = {name.rpartition(".")[0] for name in names} & first.keys()
        before = places[-1] if places else 0
        places.append(min((first[owner] for owner in owners), default=before))
    order = sorted(range(len(layers)), key=places.__getitem__)
    return [layers[i] for i in order]


def _layers(network: nn.Module, prefix: str, total: int) -> Iterable[tuple[str, nn.Module]]:
    for name, child in network.named_children():
        size = sum(parameter.numel() for parameter in child.parameters())
        inner = [m for m in child.modules() if isinstance(m, nn.Sequential | nn.ModuleList)]
        opened = isinstance(child, nn.Sequential | nn.ModuleList)
        if (opened and not _is_element(network)) or (size > total / 2 and inner):
            yield from _layers(child, f"{prefix}{name}.", total)
        else:
            yield f"{prefix}{name}.", child


def _is_element(parent: nn.Module) -> bool:
    return isinstance(parent, nn.Sequential | nn.ModuleList)


def freeze(network: nn.Module, train: str | int | None, listed: list[Names] | None = None) -> None:
    """Have the last layer alone learn, or it and some blocks before it.

    What is frozen neither learns nor keeps statistics: its norms and its dropout stay as in a test,
    also while the network trains.

    Args:
        network: changed in place.
        train: "head", the last layer; a number of blocks before it as well; None or "all": nothing
            is frozen.
        listed: its blocks; None: `blocks(network)`.
    """
    if train is None or train == "all":
        return
    count, listed = 0 if train == "head" else int(train), listed or blocks(network)
    frozen = {name for block in listed[: max(0, len(listed) - count)] for name in block}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    still = [name for name, _ in network.named_modules() if _is_still(network, name, not count)]

    def quieten(module: nn.Module, _: Any) -> None:
        if module.training:
            for name in still:
                module.get_submodule(name).training = False

    network.register_forward_pre_hook(quieten)


def _is_still(network: nn.Module, name: str, all_but_the_last: bool) -> bool:
    """Whether a layer is a frozen one; one without parameters goes by what it is part of."""
    if not name or f"{name}.".startswith(head_prefixes(network)):
        return False
    if all_but_the_last:
        return True
    while not (parameters := list(network.get_submodule(name).parameters())):
        name = name.rpartition(".")[0]
    return not any(parameter.requires_grad for parameter in parameters)


def parameter_groups(
    network: nn.Module, decay: float | None, lr: float, listed: list[Names] | None = None
) -> list[dict[str, Any]]:
    """Group parameters for an optimiser: the closer to the input, the slower they learn.

    Args:
        network: whose frozen parameters are left out.
        decay: the learning rate of a block in relation to that of the one after it.
        lr: of the last layer.
        listed: its blocks; None: `blocks(network)`.

    Returns:
        Groups with `params`, `lr`, and `lr_scale`, what `lr` was multiplied by.
    """
    by_name = dict(network.named_parameters())
    listed = listed or blocks(network)
    before = {name for block in listed for name in block}
    groups = [[name for name in by_name if name not in before], *reversed(listed)]
    made = []
    for distance, names in enumerate(groups):
        scale = (decay or 1.0) ** distance
        params = [by_name[name] for name in names if by_name[name].requires_grad]
        if params:
            made.append({"params": params, "lr": lr * scale, "lr_scale": scale})
    return made


def backbone_state(network: nn.Module) -> Mapping[str, Tensor]:
    """Return the state of all but the last layer."""
    outside = head_prefixes(network)
    return {k: v for k, v in network.state_dict().items() if not k.startswith(outside)}


@torch.no_grad()
def see(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what the last layer sees, (batch, n), and the logits (batch, classes)."""
    seen: list[Tensor] = []
    hook = head(network).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits = network(x)
    finally:
        hook.remove()
    return seen[0].flatten(1), logits

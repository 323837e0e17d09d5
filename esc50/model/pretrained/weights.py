"""Weights that training starts from: read from a file without running it, laid into a network."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from esc50.atomic import check_archive
from esc50.errors import UserError
from esc50.model.pretrained.head import head_prefixes

NETWORK = "network."  # before the names of a network's weights in a checkpoint of this package
# Under which names others keep a state dict within a file, the averaged one first.
WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model")
KINDS = "a PyTorch state dict (.pth), .safetensors, or a checkpoint of one's own (best.ckpt)"
IN_FOLDERS = ("model.safetensors", "pytorch_model.bin")  # as the Hugging Face hub has them
# Where files are published that only a browser gets, by how their names begin.
PUBLISHED = {"BEATs_": "https://github.com/microsoft/unilm/tree/master/beats"}


@dataclass(frozen=True)
class Weights:
    """The contents of a file of weights.

    Attributes:
        path: as the config names it.
        state: tensors by their names.
        specification: what a checkpoint of this package says of its run; None for other files.
        cfg: what a file says of its network beside the weights, as BEATs' do; None for others.
    """

    path: str
    state: dict[str, Tensor]
    specification: Mapping[str, Any] | None = None
    cfg: Mapping[str, Any] | None = None


def check_there(weights: str | None, word: str | None = None) -> None:
    """Refuse what is neither a file, a folder of the hub's kind, nor the word for published ones.

    Raises:
        UserError: saying where the file is published, if that is known.
    """
    if weights is not None and weights != word:
        weights_file(weights, word)


def weights_file(weights: str, word: str | None = None) -> Path:
    """Find the file of weights that a path names: itself, or one in a folder of the hub's kind.

    Raises:
        UserError: there is none.
    """
    path = Path(weights)
    found = [path, *(path / name for name in IN_FOLDERS)]
    for file in found:
        if file.is_file():
            return file
    if path.is_dir():
        raise UserError(
            f"model.weights={weights} is a folder without {' or '.join(IN_FOLDERS)}: name the file"
        )
    raise _no_file(weights, word)


def _no_file(weights: str, word: str | None) -> UserError:
    name = Path(weights).name
    for beginning, place in PUBLISHED.items():
        if name.startswith(beginning):
            return UserError(
                f"model.weights={weights} is no file: fetch {name} from {place} with a browser and "
                f"give its path as model.weights=/path/to/{name}, or train from scratch with "
                "model.weights=null"
            )
    known = f"{word} (the published ones), " if word else ""
    return UserError(f"model.weights={weights} is no file: give {known}{KINDS}, or null")


def own_checkpoint(weights: str | None) -> Weights | None:
    """Read `model.weights` where it is a checkpoint of this package; None for all else."""
    if weights is None or not Path(weights).is_file() or not zipfile.is_zipfile(weights):
        return None
    with zipfile.ZipFile(weights) as archive:  # by a name that its pickle holds: nothing is loaded
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if not any(b"esc50" in archive.read(name) for name in pickles):
            return None
    read = read_weights(weights)
    return read if read.specification is not None else None


def read_weights(path: str) -> Weights:
    """Read a file of weights; no code in it is run, and every byte is checked where it can be.

    Args:
        path: of a PyTorch state dict, also one below a key such as `state_dict` or `model`; of a
            safetensors file; of a folder with one of the two, as the hub's are; or of a checkpoint
            of this package.

    Raises:
        UserError: there is none, or it is damaged or something else.
    """
    file = weights_file(path)
    try:
        held = _load_safetensors(file) if file.suffix == ".safetensors" else _load_torch(file)
    except Exception:  # both raise many kinds for files that are not their own
        raise UserError(
            f"model.weights={path} is not a PyTorch state dict, nor safetensors, or is damaged"
        ) from None
    if not isinstance(held, Mapping):
        raise UserError(f"model.weights={path} holds {type(held).__name__}, not a state dict")
    if isinstance(held.get("esc50"), Mapping):
        inside = held.get("state_dict", {})
        state = {k.removeprefix(NETWORK): v for k, v in inside.items() if k.startswith(NETWORK)}
        return Weights(path, state, held["esc50"])
    cfg = held["cfg"] if isinstance(held.get("cfg"), Mapping) else None
    for name in WITHIN:
        if isinstance(held.get(name), Mapping):
            held = held[name]
            break
    tensors = {_plain(key): value for key, value in held.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UserError(f"model.weights={path} holds no weights: give {KINDS}")
    return Weights(path, tensors, cfg=cfg)


def _plain(name: object) -> str:
    """A weight's name without what training on several devices, or compiling, puts before it."""
    return str(name).removeprefix("module.").removeprefix("_orig_mod.")


def _load_torch(path: Path) -> Any:
    check_archive(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _load_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def load_weights(network: nn.Module, weights: Weights, what: str) -> None:
    """Lay weights into a network, all but those of its last layers, which are made for its classes.

    Filters on three channels, where the network has one, are summed over them: that gives what
    they saw of a grey picture.

    Args:
        network: of which every weight before the last layers must be there, in its shape.
        weights: what was read.
        what: the network these must be of, for the message.

    Raises:
        UserError: a weight is missing, unknown or of another shape.
    """
    outside = head_prefixes(network)
    own = {k: v for k, v in network.state_dict().items() if not k.startswith(outside)}
    given = {k: v for k, v in weights.state.items() if not k.startswith(outside)}
    for key, value in given.items():
        if key in own:
            given[key] = match_channels(value, own[key])
    wrong = [key for key in own if key not in given or given[key].shape != own[key].shape]
    wrong += [key for key in given if key not in own]
    if wrong:
        raise UserError(
            f"model.weights={weights.path} is not of {what}: {wrong[0]} is missing, unknown or of "
            "another shape"
        )
    network.load_state_dict(given, strict=False)


def match_channels(filters: Tensor, own: Tensor) -> Tensor:
    """Make filters on one number of input channels, (out, in, ...), into those on another.

    On fewer, such as one for red, green and blue, they are summed; on more, the sum is spread
    evenly. Either way they see in equal channels what they saw before. Others stay as they are.
    """
    if filters.ndim != 4 or own.ndim != 4 or filters.shape[1] == own.shape[1]:
        return filters
    if filters.shape[0] != own.shape[0] or filters.shape[2:] != own.shape[2:]:
        return filters
    if filters.shape[1] != 3 and own.shape[1] != 3:  # not pictures in colour
        return filters
    return filters.sum(1, keepdim=True).expand_as(own) / own.shape[1]

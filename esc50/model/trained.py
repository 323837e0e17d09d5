"""A checkpoint read back: the network, and all it takes to predict with it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from esc50.atomic import check_archive
from esc50.audio.kinds import KINDS
from esc50.audio.spec import Spec, make_spec
from esc50.errors import UserError
from esc50.model.fitted import FittedNetwork
from esc50.model.network import build_network, without_weights
from esc50.model.pretrained.weights import NETWORK

FORMAT = 1  # raise it when the meaning of the `esc50` part of a checkpoint changes
# What a checkpoint may have built without being trusted. A rule on the beginning of the name would
# not do: by way of what a module imports, it leads to any function of any package.
NETWORKS = (
    "esc50.model.beats.beats",
    "esc50.model.forest.RandomForest",
    "esc50.model.huggingface.hub_network",
    "esc50.model.panns.panns_cnn14",
    "esc50.model.resnet.single_channel_resnet18",
    "esc50.model.svm.SupportVectorMachine",
    "esc50.model.timm_models.timm_network",
    "esc50.model.torchvision_models.torchvision_network",
)
AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class TrainedModel:
    """A trained network on one device, as the test of its run saw it.

    Attributes:
        network: pictures, already scaled by `scale`, (batch, channels, height, width) to logits.
        specification: what the checkpoint says of its run: classes, features, config, seen clips.
        device: that the network lies on.
    """

    network: nn.Module
    specification: Mapping[str, Any]
    device: torch.device

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, in the order of the outputs."""
        return self.specification["classes"]

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of the run, in plain dictionaries."""
        return self.specification["config"]

    @cached_property
    def spec(self) -> Spec:
        """What the features are that the network was trained on."""
        return make_spec(self.specification["features"])

    def scale(self, x: Tensor) -> Tensor:
        """Scale pictures as the config's input_mean and input_std say."""
        return (x - self.config["input_mean"]) / self.config["input_std"]

    def logits(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to float32 logits (batch, classes).

        Computed in the precision that the run was tested in; gradients are kept if they are on.
        """
        with self._precision():
            return self.network(self.scale(x.to(self.device))).float()

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to float32 probabilities (batch, classes)."""
        return self.logits(x).softmax(1)

    @torch.no_grad()
    def embed(self, x: Tensor) -> Tensor:
        """Pictures (batch, channels, height, width) to float32 features (batch, n) of the network.

        They are what its last linear layer sees; of a fitted one, what it is fitted to.

        Raises:
            UserError: the network has no linear layer.
        """
        if isinstance(self.network, FittedNetwork):
            return self.network.describe(self.scale(x.to(self.device)))
        layers = [layer for layer in self.network.modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise UserError("the network has no linear layer whose input could be its features")
        seen: list[Tensor] = []
        hook = layers[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self.logits(x)
        finally:
            hook.remove()
        return seen[0].flatten(1).float()

    def _precision(self) -> AbstractContextManager[Any]:
        kind = AUTOCAST.get(self.specification["precision"])
        if kind is None or (self.device.type == "cpu" and kind == torch.float16):
            return nullcontext()
        return torch.autocast(self.device.type, kind)


def load_trained(
    path: str | Path, device: str | torch.device = "cpu", trusted: bool = False
) -> TrainedModel:
    """Read a checkpoint of this package; nothing in it is run.

    Args:
        path: best.ckpt or last.ckpt of a run.
        device: where to compute.
        trusted: whether a network of another package may be imported, which runs its code.

    Raises:
        UserError: it is no checkpoint of this package, of a newer format, damaged, or its network
            is of another package and not trusted.
    """
    path = Path(path)
    checkpoint = _read(path)
    specification = checkpoint["esc50"]
    section = without_weights(specification["config"]["model"])  # the checkpoint's own follow
    if not trusted:
        _refuse_strangers(path, section, specification["features"])
    network = _build(path, section, specification)
    state = checkpoint["state_dict"]
    state = {k.removeprefix(NETWORK): v for k, v in state.items() if k.startswith(NETWORK)}
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged: its weights are not those of its network") from None
    # What is fitted computes in float64, which some devices lack, and little enough for any.
    device = torch.device("cpu" if isinstance(network, FittedNetwork) else device)
    network = network.eval().requires_grad_(False).to(device)
    return TrainedModel(network, specification, device)


def _refuse_strangers(path: Path, model: Mapping[str, Any], features: Mapping[str, Any]) -> None:
    """Refuse code of another package. Features of before there were kinds name none."""
    named = (
        ("network is", model.get("_target_"), NETWORKS),
        ("features are", features.get("_target_", KINDS[0]), KINDS),
    )
    for what, target, known in named:
        if target not in known:
            raise UserError(
                f"{path}: its {what} {str(target)!a}, code of another package, which loading would "
                "run: allow it (trusted=True, --trust) if you trust who made the checkpoint"
            )


def _build(path: Path, section: dict[str, Any], specification: Mapping[str, Any]) -> nn.Module:
    """Build the network, its weights yet to come; refuses what this version cannot build."""
    try:
        spec = make_spec(specification["features"])
        n_classes = len(specification["classes"])
        known = spec.shape[0], specification.get("architecture")
        return build_network(section, n_classes, spec.shape[1:], *known)
    except UserError as error:
        raise UserError(f"{path} is not for this version: {error}") from None
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{path} is damaged: what it says of its network is incomplete") from None


NEEDED = ("format", "classes", "features", "config", "precision")
NEEDED_CONFIG = ("model", "batch_size", "input_mean", "input_std")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path} is no file: give a checkpoint of a run, such as best.ckpt")
    try:
        check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        specification = checkpoint["esc50"]
        complete = all(key in specification for key in NEEDED)
        complete &= all(key in specification["config"] for key in NEEDED_CONFIG)
        state, section = checkpoint["state_dict"], specification["config"]["model"]
        complete &= isinstance(state, dict) and all(isinstance(name, str) for name in state)
        complete &= isinstance(section, dict)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception:  # torch.load raises many kinds for files that are not its own
        complete = False
    if not complete:
        raise UserError(f"{path} is not a checkpoint that this package wrote, or it is damaged")
    if specification["format"] != FORMAT:
        raise UserError(
            f"{path} is of format {specification['format']}, this version reads {FORMAT}: "
            "install the version that wrote it"
        )
    return dict(checkpoint)

"""Audio networks of the Hugging Face hub, by name or from a folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from esc50.errors import UserError
from esc50.model.hub_backbones import build, family, hidden_size, read, still
from esc50.model.pretrained.hub import is_name, no_name, not_to_be_had, without_retries


class HubNetwork(nn.Module):
    """A backbone of transformers below a linear layer of one's own.

    Attributes:
        architecture: transformers' config of the backbone, in plain dictionaries: with it a
            checkpoint needs no hub.
    """

    def __init__(self, backbone: Any, n_classes: int, size: tuple[int, int]) -> None:
        """Take the backbone, for features of this height and width."""
        super().__init__()
        its = family(backbone.config.model_type, "the network")
        self.ask = its.ask
        self.backbone = its.fit(backbone, size)
        config = self.backbone.config
        self.head = nn.Linear(hidden_size(config), n_classes)
        self.architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, 1, height, width) to logits (batch, n_classes)."""
        logits: Tensor = self.head(self.ask(self.backbone, x))
        return logits


def hub_network(
    n_classes: int,
    size: tuple[int, int],
    weights: str | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network of transformers: features (batch, 1, height, width) to logits.

    Args:
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input; of samples 1 and their number.
        weights: its name on the hub, or a folder with config.json and model.safetensors.
        architecture: its config, where weights follow from a checkpoint of this package.

    Raises:
        UserError: transformers is not installed, the network is absent, of another kind or of
            another size of picture, or its weights are not all there.
    """
    try:
        import transformers
    except ImportError:
        raise UserError(
            f"model.weights={weights} needs transformers: pip install 'esc50[hub]'"
        ) from None
    quiet: Any = transformers.logging
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    if architecture is not None:
        backbone = build(transformers.AutoConfig.for_model(**architecture))
    elif weights is not None:
        backbone = _pretrained(weights)
    else:
        raise no_name()
    config: Any = backbone.config
    if fault := family(config.model_type, f"model.weights={weights}").check(config, size):
        raise UserError(f"model.weights={weights} {fault}")
    return HubNetwork(backbone, n_classes, size).train()


def _pretrained(weights: str) -> nn.Module:
    """Load the backbone of a network; nothing of its own code is run."""
    import transformers

    if not is_name(weights) and not (Path(weights) / "config.json").is_file():
        raise UserError(
            f"model.weights={weights} is no folder with a config.json, as save_pretrained() and "
            "the hub's downloads leave it"
        )
    try:
        with without_retries():
            config = transformers.AutoConfig.from_pretrained(weights, trust_remote_code=False)
            backbone, wrong = read(weights, still(config))
    except UserError:
        raise
    except Exception as error:  # what is odd in the files of others ends in errors of many kinds
        if is_name(weights):
            raise not_to_be_had(weights) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"model.weights={weights} cannot be loaded: {reason}") from None
    if wrong is not None:
        raise UserError(f"model.weights={weights} lacks {wrong}, or has it in another shape")
    return backbone

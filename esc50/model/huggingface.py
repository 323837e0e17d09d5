"""Audio networks of the Hugging Face hub, by name or from a folder: AST's kind and CLAP's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.errors import UserError

AST, CLAP, CLAP_AUDIO = "audio-spectrogram-transformer", "clap", "clap_audio_model"
KINDS = f"{AST} (AST) and {CLAP} (CLAP)"


class HubNetwork(nn.Module):
    """A backbone of transformers below a linear layer of one's own.

    Attributes:
        architecture: transformers' config of the backbone, in plain dictionaries: with it a
            checkpoint needs no hub.
    """

    def __init__(self, backbone: nn.Module, config: Any, n_classes: int) -> None:
        """Take the backbone and its config."""
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(config.hidden_size, n_classes)
        self.architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
        self.kind: str = config.model_type
        # Frames that CLAP stretches its pictures to; an AST takes them as they are.
        self.frames = 0 if self.kind == AST else _most_frames(config)
        if self.architecture.get("enable_fusion"):
            _leave_fusion_out(backbone)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (batch, 1, height, width) to logits (batch, n_classes)."""
        along = x.transpose(2, 3)  # transformers has time before frequency
        if along.shape[2] < self.frames:
            # As the backbone itself would behind its norm, which is the same for each frame of a
            # row: but there GPUs have no deterministic gradient of it, and here none is needed.
            size = self.frames, along.shape[3]
            along = F.interpolate(along, size, mode="bicubic", align_corners=True)
        seen = self.backbone(along[:, 0] if self.kind == AST else along)
        logits: Tensor = self.head(seen.pooler_output)
        return logits


def _leave_fusion_out(clap: Any) -> None:
    """Have a fused CLAP take one picture of a clip, which gives what it makes of four alike.

    The others are of stretches of a clip that is longer than its ten seconds, and there are none
    here; and to ask which clips are is a branch that no export can follow.
    """
    clap.audio_encoder.enable_fusion = False
    clap.audio_encoder.patch_embed.enable_fusion = False


def hub_network(
    n_classes: int,
    size: tuple[int, int],
    weights: str | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network of transformers: pictures (batch, 1, height, width) to logits.

    Args:
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input.
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
        config = transformers.AutoConfig.for_model(**architecture)
        kinds = {AST: transformers.ASTModel, CLAP_AUDIO: transformers.ClapAudioModel}
        if config.model_type not in kinds:
            raise ValueError(f"{config.model_type} is none of {KINDS}")
        backbone: nn.Module = kinds[config.model_type](config)
    elif weights is not None:
        config, backbone = _pretrained(weights)
    else:
        raise UserError(
            "model.weights=null names no network: give its name on the Hugging Face hub, such as "
            "MIT/ast-finetuned-audioset-10-10-0.4593, or a folder with its config.json"
        )
    _check_size(config, size, weights)
    return HubNetwork(backbone, config, n_classes).train()


def _pretrained(weights: str) -> tuple[Any, nn.Module]:
    """Load the config and the audio part of a network; nothing of its own code is run."""
    import transformers

    if weights.startswith((".", "/", "~")) and not (Path(weights) / "config.json").is_file():
        raise UserError(
            f"model.weights={weights} is no folder with a config.json, as save_pretrained() and "
            "the hub's downloads leave it"
        )
    try:
        config = transformers.AutoConfig.from_pretrained(weights, trust_remote_code=False)
        kinds: dict[str, Any] = {
            AST: transformers.ASTModel,
            CLAP: transformers.ClapAudioModelWithProjection,
            CLAP_AUDIO: transformers.ClapAudioModelWithProjection,
        }
        if config.model_type not in kinds:
            raise UserError(
                f"model.weights={weights} is of the kind {config.model_type}: those that take "
                f"pictures of sound are {KINDS}"
            )
        # Trained in float32, whatever they are kept in. What is of another shape is told below.
        how: dict[str, Any] = {"dtype": torch.float32, "ignore_mismatched_sizes": True}
        loaded, found = kinds[config.model_type].from_pretrained(
            weights, output_loading_info=True, **how
        )
    except UserError:
        raise
    except Exception as error:  # what is odd in the files of others ends in errors of many kinds
        raise UserError(_why_not(weights, error)) from None
    backbone: nn.Module = getattr(loaded, "audio_model", loaded)
    inside = "audio_model." if backbone is not loaded else ""
    wrong = {*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}
    if wrong := {key for key in wrong if key.startswith(inside)}:
        raise UserError(f"model.weights={weights} lacks {min(wrong)}, or has it in another shape")
    return backbone.config, backbone


def _why_not(weights: str, error: Exception) -> str:
    if Path(weights).is_dir():
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"model.weights={weights} cannot be loaded: {reason}"
    return (
        f"model.weights={weights} is no folder here, and cannot be had from the hub (offline, or "
        f"no such name): where there is a network, `hf download {weights} --local-dir FOLDER`, "
        "and give that folder as model.weights=FOLDER"
    )


def _most_frames(config: Any) -> int:
    return int(config.spec_size * (config.spec_size // config.num_mel_bins))


def _check_size(config: Any, size: tuple[int, int], weights: str | None) -> None:
    """Refuse pictures that the network is not made for."""
    if config.model_type == AST:
        fits, wanted = size == (config.num_mel_bins, config.max_length), config.max_length
        width = f"features.frames={wanted} features.width={wanted}"
    else:
        most = _most_frames(config)
        fits = size[0] == config.num_mel_bins and size[1] <= most
        width = f"features.width of at most {most}"
    if not fits:
        raise UserError(
            f"model.weights={weights} takes pictures of features.height={config.num_mel_bins} and "
            f"{width}, not {size[0]} x {size[1]}"
        )

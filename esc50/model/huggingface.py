"""Audio networks of the Hugging Face hub, by name or from a folder, by way of transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.errors import UserError
from esc50.model.pretrained.hub import is_name, no_name, not_to_be_had, without_retries

AST, CLAP, CLAP_AUDIO = "audio-spectrogram-transformer", "clap", "clap_audio_model"
WHISPER = "whisper"  # of which its encoder is taken
WAVES = (  # those that hear samples: wav2vec 2.0 and its kin
    "wav2vec2", "wav2vec2-conformer", "hubert", "wavlm", "data2vec-audio",
    "unispeech", "unispeech-sat", "sew", "sew-d",
)  # fmt: skip
PARTS = {CLAP: "audio_model", CLAP_AUDIO: "audio_model", WHISPER: "encoder"}  # of the whole
KINDS = f"{AST} (AST), {CLAP} (CLAP), {WHISPER} and {', '.join(WAVES)}"
# What some of them do in training alone, at random and as only pretraining needs it: here what is
# hidden of a sound is augment's to say.
CALM = {
    "layerdrop": 0.0, "encoder_layerdrop": 0.0, "apply_spec_augment": False,
    "mask_time_prob": 0.0, "mask_feature_prob": 0.0,
}  # fmt: skip


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
        adapted = getattr(config, "add_adapter", False)
        seen = config.output_hidden_size if adapted else config.hidden_size
        self.head = nn.Linear(seen, n_classes)
        self.architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
        self.kind: str = config.model_type
        # Frames that CLAP stretches its pictures to; others take them as they are.
        self.frames = _most_frames(config) if self.kind in (CLAP, CLAP_AUDIO) else 0
        if self.architecture.get("enable_fusion"):
            _leave_fusion_out(backbone)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (batch, 1, height, width) to logits (batch, n_classes).

        Those that hear samples take them as a picture of one row. Of what these and Whisper make of
        each moment the mean is taken, as their own classifiers in transformers do.
        """
        if self.kind in (*WAVES, WHISPER):
            heard = self.backbone(x[:, 0] if self.kind == WHISPER else x[:, 0, 0])
            moments: Tensor = self.head(heard.last_hidden_state.mean(1))
            return moments
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
        backbone: nn.Module = _untrained(config)
    elif weights is not None:
        config, backbone = _pretrained(weights)
    else:
        raise no_name()
    _check_size(config, size, weights)
    return HubNetwork(backbone, config, n_classes).train()


def _untrained(config: Any) -> nn.Module:
    """Build the audio part that a checkpoint of this package says it holds the weights of."""
    import transformers

    kinds: dict[str, Any] = {AST: transformers.ASTModel, CLAP_AUDIO: transformers.ClapAudioModel}
    if config.model_type not in (*kinds, WHISPER, *WAVES):
        raise ValueError(f"{config.model_type} is none of {KINDS}")
    if config.model_type in WAVES:
        auto: Any = transformers.AutoModel
        heard: nn.Module = auto.from_config(config)
        return heard
    if config.model_type == WHISPER:  # of which the decoder is nothing for us
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        encoder: nn.Module = WhisperEncoder(config)
        return encoder
    seen: nn.Module = kinds[config.model_type](config)
    return seen


def _pretrained(weights: str) -> tuple[Any, nn.Module]:
    """Load the config and the audio part of a network; nothing of its own code is run."""
    import transformers

    if not is_name(weights) and not (Path(weights) / "config.json").is_file():
        raise UserError(
            f"model.weights={weights} is no folder with a config.json, as save_pretrained() and "
            "the hub's downloads leave it"
        )
    kinds: dict[str, Any] = {
        AST: transformers.ASTModel,
        CLAP: transformers.ClapAudioModelWithProjection,
        CLAP_AUDIO: transformers.ClapAudioModelWithProjection,
        WHISPER: transformers.WhisperModel,
        **dict.fromkeys(WAVES, transformers.AutoModel),
    }
    try:
        with without_retries():
            config = transformers.AutoConfig.from_pretrained(weights, trust_remote_code=False)
            if config.model_type not in kinds:
                raise UserError(
                    f"model.weights={weights} is of the kind {config.model_type}: those that "
                    f"take sound are {KINDS}"
                )
            # Trained in float32, whatever they are kept in. Other shapes are told of below.
            how: dict[str, Any] = {"dtype": torch.float32, "ignore_mismatched_sizes": True}
            how |= {key: value for key, value in CALM.items() if hasattr(config, key)}
            loaded, found = kinds[config.model_type].from_pretrained(
                weights, output_loading_info=True, **how
            )
    except UserError:
        raise
    except Exception as error:  # what is odd in the files of others ends in errors of many kinds
        if is_name(weights):
            raise not_to_be_had(weights) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"model.weights={weights} cannot be loaded: {reason}") from None
    part = PARTS.get(config.model_type)
    backbone: nn.Module = getattr(loaded, part) if part else loaded
    inside = f"{part}." if part else ""
    wrong = {*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}
    if wrong := {key for key in wrong if key.startswith(inside)}:
        raise UserError(f"model.weights={weights} lacks {min(wrong)}, or has it in another shape")
    return backbone.config, backbone


def _most_frames(config: Any) -> int:
    return int(config.spec_size * (config.spec_size // config.num_mel_bins))


def _check_size(config: Any, size: tuple[int, int], weights: str | None) -> None:
    """Refuse pictures that the network is not made for."""
    if config.model_type in WAVES:
        if size[0] != 1:
            raise UserError(f"model.weights={weights} hears samples: set features=waveform")
        return
    if config.model_type in (AST, WHISPER):
        wanted = config.max_length if config.model_type == AST else 2 * config.max_source_positions
        fits = size == (config.num_mel_bins, wanted)
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

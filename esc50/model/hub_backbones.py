"""The kinds of audio networks of the Hugging Face hub: how each is read, built and asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.errors import UserError

AST, WHISPER = "audio-spectrogram-transformer", "whisper"
CLAPS = ("clap", "clap_audio_model")
HEARERS = (  # one stack of convolutions over samples, transformers above it
    *("data2vec-audio", "hubert", "sew", "sew-d", "unispeech", "unispeech-sat", "wav2vec2"),
    *("wav2vec2-conformer", "wavlm"),
)
# What these do at random in training beside dropout: spans hidden, whole layers dropped. A hidden
# span is a matter of `augment`, and a layer that is dropped leaves processes without gradients.
STILL = ("mask_time_prob", "mask_feature_prob", "layerdrop", "encoder_layerdrop")


@dataclass(frozen=True)
class Family:
    """What must be known of a kind of networks.

    Attributes:
        choice: the choice of `features` that they know.
        whole: the class of transformers that reads what was published.
        part: of that, the attribute that is the backbone; "": itself.
        ask: the backbone and features (batch, 1, height, width) to (batch, hidden_size).
        check: the backbone's config and the features' height and width: what is wrong with them
            or None.
        fit: changes a backbone that was read for features of that height and width; returns it.
    """

    choice: str
    whole: str
    ask: Callable[[Any, Tensor], Tensor]
    check: Callable[[Any, tuple[int, int]], str | None]
    part: str = ""
    fit: Callable[[Any, tuple[int, int]], Any] = lambda backbone, _: backbone


def family(kind: str, who: str) -> Family:
    """Find the family of a model_type of transformers. Raises UserError where there is none."""
    if kind not in FAMILIES:
        raise UserError(
            f"{who} is of the kind {kind}: those that take sound and are known here are "
            f"{', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[kind]


def hidden_size(config: Any) -> int:
    """Count what a backbone makes of a clip: the size of its layers, or of an adapter's."""
    adapted = getattr(config, "add_adapter", False)
    return int(config.output_hidden_size if adapted else config.hidden_size)


def _ask_ast(backbone: Any, x: Tensor) -> Tensor:
    seen: Tensor = backbone(x[:, 0].transpose(1, 2)).pooler_output  # time before frequency
    return seen


def _ask_clap(backbone: Any, x: Tensor) -> Tensor:
    along, frames = x.transpose(2, 3), _clap_frames(backbone.config)
    if along.shape[2] < frames:
        # As the backbone itself would behind its norm, which is the same for each frame of a
        # row: but there GPUs have no deterministic gradient of it, and here none is needed.
        size = frames, along.shape[3]
        along = F.interpolate(along, size, mode="bicubic", align_corners=True)
    seen: Tensor = backbone(along).pooler_output
    return seen


def _ask_hearer(backbone: Any, x: Tensor) -> Tensor:
    seen: Tensor = backbone(x[:, 0, 0]).last_hidden_state.mean(1)
    return seen


def _ask_whisper(backbone: Any, x: Tensor) -> Tensor:
    seen: Tensor = backbone(x[:, 0]).last_hidden_state.mean(1)
    return seen


def _check_ast(config: Any, size: tuple[int, int]) -> str | None:
    if size == (config.num_mel_bins, config.max_length):
        return None
    return _wanted(
        config, size, f"features.frames={config.max_length} features.width={config.max_length}"
    )


def _check_clap(config: Any, size: tuple[int, int]) -> str | None:
    most = _clap_frames(config)
    if size[0] == config.num_mel_bins and size[1] <= most:
        return None
    return _wanted(config, size, f"features.width of at most {most}")


def _check_whisper(config: Any, size: tuple[int, int]) -> str | None:
    most = 2 * config.max_source_positions
    if size[0] == config.num_mel_bins and size[1] <= most and size[1] % 2 == 0:
        return None
    return _wanted(config, size, f"an even features.width of at most {most}")


def _wanted(config: Any, size: tuple[int, int], width: str) -> str:
    return (
        f"takes pictures of features.height={config.num_mel_bins} and {width}, not "
        f"{size[0]} x {size[1]}"
    )


def _check_hearer(config: Any, size: tuple[int, int]) -> str | None:
    if size[0] != 1:
        return "hears samples, not pictures: set features=waveform"
    least = 1  # samples that one step of its last convolution is of
    for kernel, stride in zip(
        reversed(config.conv_kernel), reversed(config.conv_stride), strict=True
    ):
        least = (least - 1) * stride + kernel
    if size[1] < least:
        return f"takes at least {least} samples, not {size[1]}: raise features.seconds"
    return None


def _clap_frames(config: Any) -> int:
    """Frames that CLAP stretches its pictures to."""
    return int(config.spec_size * (config.spec_size // config.num_mel_bins))


def _fit_clap(clap: Any, _: tuple[int, int]) -> Any:
    """Have a fused CLAP take one picture of a clip, which gives what it makes of four alike.

    The others are of stretches of a clip that is longer than its ten seconds, and there are none
    here; and to ask which clips are is a branch that no export can follow.
    """
    if clap.config.enable_fusion:
        clap.audio_encoder.enable_fusion = False
        clap.audio_encoder.patch_embed.enable_fusion = False
    return clap


def _fit_whisper(encoder: Any, size: tuple[int, int]) -> Any:
    """Have it take as many frames as a clip has, where it was made for thirty seconds.

    What it knows of places is a fixed number for each: those beyond the clip's end are left out, as
    Whisper-AT does (Gong et al., 2023).
    """
    steps = size[1] // 2
    if steps < encoder.config.max_source_positions:
        places = nn.Embedding(steps, encoder.config.d_model)
        places.weight = nn.Parameter(
            encoder.embed_positions.weight[:steps].detach().clone(), requires_grad=False
        )
        encoder.embed_positions = places
        encoder.config.max_source_positions = encoder.max_source_positions = steps
    return encoder


def still(config: Any) -> Any:
    """Switch off what a network does at random in training, but for dropout; returns its config."""
    for key in STILL:
        if hasattr(config, key):
            setattr(config, key, 0.0)
    return config


FAMILIES = {
    AST: Family("ast", "ASTModel", _ask_ast, _check_ast),
    **dict.fromkeys(
        CLAPS,
        Family(
            *("clap", "ClapAudioModelWithProjection", _ask_clap, _check_clap),
            part="audio_model",
            fit=_fit_clap,
        ),
    ),
    **dict.fromkeys(HEARERS, Family("waveform", "AutoModel", _ask_hearer, _check_hearer)),
    WHISPER: Family(
        *("whisper", "WhisperForAudioClassification", _ask_whisper, _check_whisper),
        part="encoder",
        fit=_fit_whisper,
    ),
}


def build(config: Any) -> nn.Module:
    """Build the backbone that a config of transformers describes, of weights that are drawn."""
    import transformers

    its = family(config.model_type, "the checkpoint's network")
    kind: Any = getattr(transformers, its.whole)
    whole = kind.from_config(config) if its.whole == "AutoModel" else kind(config)
    backbone: nn.Module = getattr(whole, its.part) if its.part else whole
    return backbone


def read(weights: str, config: Any) -> tuple[nn.Module, str | None]:
    """Read a backbone and its weights, which are computed with in float32.

    Returns:
        It, and the name of a weight that was not there, or not in its shape; None if all were.
    """
    import transformers

    its = family(config.model_type, f"model.weights={weights}")
    config = getattr(config, "audio_config", config)  # of a CLAP, which has one of text as well
    how: dict[str, Any] = {"dtype": torch.float32, "ignore_mismatched_sizes": True}
    kind: Any = getattr(transformers, its.whole)
    loaded, found = kind.from_pretrained(weights, config=config, output_loading_info=True, **how)
    inside = f"{its.part}." if its.part else ""
    wrong = {*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}
    wrong = {key for key in wrong if key.startswith(inside)}
    backbone: nn.Module = getattr(loaded, its.part) if its.part else loaded
    return backbone, min(wrong, default=None)

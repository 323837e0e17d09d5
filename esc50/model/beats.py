"""BEATs (Chen et al., 2022, arXiv:2212.09058), in the layout of its published weights."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from esc50.errors import UserError
from esc50.model.beats_encoder import BIAS, Architecture, Encoder
from esc50.model.pretrained.weights import PUBLISHED, Weights, load_weights, read_weights

# The size that was published, for training from scratch: `cfg` where it is not the default.
BASE = {
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "deep_norm": True,
    "relative_position_embedding": True,
    "max_distance": 800,
    "gru_rel_pos": True,
}


class Beats(nn.Module):
    """Kaldi's log filter banks (batch, 1, rows, T) to logits (batch, n_classes).

    Attributes:
        architecture: what its sizes are, in a plain dictionary: with it a checkpoint needs no file
            of published weights.
    """

    def __init__(self, of: Architecture, n_classes: int, size: tuple[int, int]) -> None:
        """Build it for pictures of up to `size`, height and width."""
        super().__init__()
        patch, embed, width = of.input_patch_size, of.embed_dim, of.encoder_embed_dim
        self.architecture: dict[str, Any] = of.model_dump()
        self.patch_embedding = nn.Conv2d(1, embed, patch, patch, bias=of.conv_bias)
        self.layer_norm = nn.LayerNorm(embed)
        self.post_extract_proj = nn.Linear(embed, width) if embed != width else nn.Identity()
        self.drop = nn.Dropout(of.dropout_input)
        self.encoder = Encoder(of, (size[0] // patch) * (size[1] // patch))
        self.head = nn.Linear(width, n_classes)

    def patches(self, x: Tensor) -> Tensor:
        """What the last layer makes of each patch: (batch, n, width), those of one time together.

        Rows and columns beyond the last whole patch are left out.
        """
        along = x.transpose(2, 3)  # time before frequency, as the filters of the patches have it
        cut = self.patch_embedding(along).flatten(2).transpose(1, 2)
        out: Tensor = self.encoder(self.drop(self.post_extract_proj(self.layer_norm(cut))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """See the class. The mean of the patches' logits is that of the patches' own mean."""
        logits: Tensor = self.head(self.patches(x).mean(1))
        return logits


def beats(
    n_classes: int,
    size: tuple[int, int],
    weights: str | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build BEATs: Kaldi's log filter banks (batch, 1, height, width) to logits (batch, n_classes).

    Its size and dropout are those that the file says. No whole layers are dropped in training,
    which the published training did: see `Architecture`.

    Args:
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input.
        weights: None, from scratch in the published size; or a file that Microsoft published, such
            as BEATs_iter3_plus_AS2M.pt, whether or not it was fine-tuned on AudioSet.
        architecture: its sizes, where weights follow from a checkpoint of this package.

    Raises:
        UserError: the picture is smaller than a patch, or the weights are absent or others.
    """
    if weights is None:
        return _build(architecture or BASE, n_classes, size)
    read = read_weights(weights)
    if read.cfg is None:
        raise UserError(
            f"model.weights={weights} holds no cfg, which says how large its network is, as the "
            f"files of {PUBLISHED['BEATs_']} do"
        )
    try:
        network = _build(read.cfg, n_classes, size)
    except UserError as error:
        raise UserError(f"model.weights={weights} cannot be used: {error}") from None
    state = {key: value for key, value in read.state.items() if not _is_left_out(key)}
    load_weights(network, Weights(read.path, state), "BEATs")
    return network


def _build(cfg: Mapping[str, Any], n_classes: int, size: tuple[int, int]) -> Beats:
    of = Architecture.parse("cfg", {str(key): value for key, value in cfg.items()})
    if min(size) < (patch := of.input_patch_size):
        raise UserError(
            f"BEATs sees patches of {patch} x {patch}: features.height={size[0]} and "
            f"features.width={size[1]} must be {patch} at least"
        )
    return Beats(of, n_classes, size)


def _is_left_out(name: str) -> bool:
    """Whether a weight is of AudioSet's last layer, or the first layer's that others share."""
    again = name.endswith(f"{BIAS}.weight") and name != f"encoder.layers.0.{BIAS}.weight"
    return again or name.startswith("predictor.")

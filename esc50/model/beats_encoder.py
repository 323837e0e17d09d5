"""The transformer of BEATs, in the layout of its published weights, and what its `cfg` says."""

import math
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.config.schema.settings import Settings

Size = Annotated[int, Field(ge=1, le=2**16)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
NORMS = "false alone: no network with its norms first was published"
ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}
BIAS = "self_attn.relative_attention_bias"  # of the first layer, for all


class Architecture(Settings):
    """What `cfg` in a published file says of its network; defaults are those of Microsoft's code.

    Not read are `encoder_layerdrop`, as the layers to drop would be drawn from NumPy's global
    state, which no checkpoint holds; `layer_wise_gradient_decay_ratio`, in whose place there is
    `model.layer_decay`; and what concerns the last layer, in whose place there is a new one.
    """

    model_config = ConfigDict(extra="ignore", strict=False)  # the file is not ours

    input_patch_size: Size = 16
    embed_dim: Size = 512
    conv_bias: bool = False
    encoder_layers: Annotated[int, Field(ge=1, le=256)] = 12
    encoder_embed_dim: Size = 768
    encoder_ffn_embed_dim: Size = 3072
    encoder_attention_heads: Size = 12
    activation_fn: Literal["gelu", "relu"] = "gelu"
    layer_norm_first: Annotated[Literal[False], Field(description=NORMS)] = False
    deep_norm: bool = False
    dropout: Dropout = 0.1
    attention_dropout: Dropout = 0.1
    activation_dropout: Dropout = 0.0
    dropout_input: Dropout = 0.0
    conv_pos: Size = 128
    conv_pos_groups: Size = 16
    relative_position_embedding: bool = False
    num_buckets: Annotated[int, Field(ge=4, le=2**16)] = 320
    max_distance: Size = 1280
    gru_rel_pos: bool = False

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for key in ("encoder_attention_heads", "conv_pos_groups"):
            if self.encoder_embed_dim % getattr(self, key):
                raise ValueError(
                    f"cfg.{key}={getattr(self, key)} must divide "
                    f"cfg.encoder_embed_dim={self.encoder_embed_dim}"
                )
        if self.max_distance <= self.num_buckets // 4:
            raise ValueError(
                f"cfg.max_distance={self.max_distance} must be more than a quarter of "
                f"cfg.num_buckets={self.num_buckets}"
            )
        return self


class PositionConv(nn.Module):
    """A grouped convolution along the patches, which tells them where they are.

    Its filters are weight_g * weight_v / |weight_v|, the norm being that of each place along them
    (weight norm: Salimans and Kingma, 2016). Written out, since torch's own has other names, or a
    hook that copies of a network do not survive.
    """

    def __init__(self, width: int, length: int, groups: int) -> None:
        """Take the channels and the patches that a filter sees."""
        super().__init__()
        self.groups = groups
        filters = nn.init.normal_(
            torch.empty(width, width // groups, length), std=math.sqrt(4 / (length * width))
        )
        self.weight_v, self.weight_g = nn.Parameter(filters), nn.Parameter(_norm(filters))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Patches (batch, width, n) alike."""
        filters = self.weight_g * self.weight_v / _norm(self.weight_v)
        half = filters.shape[-1] // 2
        seen = F.conv1d(x, filters, self.bias, padding=half, groups=self.groups)
        return seen[..., : x.shape[-1]]  # one too many where the length is even


def _norm(filters: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(filters, dim=(0, 1), keepdim=True)
    return norm


class SelfAttention(nn.Module):
    """Attention of each patch to all, with a bias by their distance that the query's gate scales.

    The gate is that of WavLM (Chen et al., 2022, arXiv:2110.13900).
    """

    def __init__(self, of: Architecture, first: bool) -> None:
        """Build it; the first layer's holds the bias by distance, which all layers share."""
        super().__init__()
        width, self.heads = of.encoder_embed_dim, of.encoder_attention_heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)
        if of.relative_position_embedding and first:
            self.relative_attention_bias = nn.Embedding(of.num_buckets, self.heads)
        self.dropout, self.gated = of.attention_dropout, of.gru_rel_pos
        if self.gated:
            self.grep_linear = nn.Linear(width // self.heads, 8)
            self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Patches (batch, n, width) alike; the bias is (heads, n, n), from query to key."""
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        )
        if bias is not None:
            bias = (self.gate(q) * bias if self.gated else bias).to(q.dtype)
        dropped = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropped)
        out: Tensor = self.out_proj(seen.transpose(1, 2).flatten(2))
        return out

    def gate(self, q: Tensor) -> Tensor:
        """By how much each query (batch, heads, n, width) scales its bias: (batch, heads, n, 1)."""
        both = torch.sigmoid(self.grep_linear(q).unflatten(-1, (2, 4)).sum(-1))
        update, reset = both.chunk(2, dim=-1)
        return update * (reset * self.grep_a - 1) + 2


class Layer(nn.Module):
    """A transformer's layer, its norms after each part (deep norm: Wang et al., 2022)."""

    def __init__(self, of: Architecture, first: bool) -> None:
        """Build it; see `SelfAttention` for the first one."""
        super().__init__()
        width = of.encoder_embed_dim
        self.self_attn = SelfAttention(of, first)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, of.encoder_ffn_embed_dim)
        self.activation = ACTIVATIONS[of.activation_fn]()
        self.fc2 = nn.Linear(of.encoder_ffn_embed_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.drop, self.drop_inner = nn.Dropout(of.dropout), nn.Dropout(of.activation_dropout)
        self.alpha = (2 * of.encoder_layers) ** 0.25 if of.deep_norm else 1.0

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Patches (batch, n, width) alike."""
        seen = self.drop(self.self_attn(x, bias))
        x = self.self_attn_layer_norm(self.alpha * x + seen)
        seen = self.drop(self.fc2(self.drop_inner(self.activation(self.fc1(x)))))
        out: Tensor = self.final_layer_norm(self.alpha * x + seen)
        return out


class Encoder(nn.Module):
    """The transformer over the patches of a clip."""

    buckets: Tensor

    def __init__(self, of: Architecture, most: int) -> None:
        """Build it for up to `most` patches."""
        super().__init__()
        width = of.encoder_embed_dim
        place = PositionConv(width, of.conv_pos, of.conv_pos_groups)
        self.pos_conv = nn.Sequential(place, nn.GELU())
        self.layer_norm, self.drop = nn.LayerNorm(width), nn.Dropout(of.dropout)
        self.layers = nn.ModuleList(Layer(of, first=not i) for i in range(of.encoder_layers))
        self.relative = of.relative_position_embedding
        buckets = distance_buckets(most, of.num_buckets, of.max_distance)
        self.register_buffer("buckets", buckets, persistent=False)
        _initialise(self, (8 * of.encoder_layers) ** -0.25 if of.deep_norm else None)

    def forward(self, x: Tensor) -> Tensor:
        """Patches (batch, n, width) alike."""
        x = x + self.pos_conv(x.transpose(1, 2)).transpose(1, 2)
        x = self.drop(self.layer_norm(x))
        bias = None
        if self.relative:
            table: Any = self.layers.get_submodule(f"0.{BIAS}")
            bias = table(self.buckets[: x.shape[1], : x.shape[1]]).permute(2, 0, 1)
        for layer in self.layers:
            x = layer(x, bias)
        return x


def distance_buckets(n: int, count: int, furthest: int) -> Tensor:
    """Number the distances from patch to patch, far ones together: int64 (n, n), query by key.

    Half of the numbers are for keys after the query; of each half, half are for one distance each,
    the rest lie evenly on a logarithmic scale up to `furthest` (T5: Raffel et al., 2020). Made once
    and on the processor, as other devices round otherwise.
    """
    place = torch.arange(n, device="cpu")
    apart = place[None] - place[:, None]
    half, exact = count // 2, count // 4
    far = torch.log(apart.abs().clamp_min(1).float() / exact) / math.log(furthest / exact)
    far = (exact + (far * (half - exact)).long()).clamp_max(half - 1)
    return (apart > 0) * half + torch.where(apart.abs() < exact, apart.abs(), far)


def _initialise(encoder: Encoder, beta: float | None) -> None:
    """Draw the weights as Microsoft's code does; with deep norm, some are smaller by `beta`."""
    for name, layer in encoder.named_modules():
        if isinstance(layer, nn.Linear | nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
            if beta is not None and not name.endswith("grep_linear"):
                gain = 1.0 if name.endswith(("q_proj", "k_proj")) else beta
                nn.init.xavier_normal_(layer.weight, gain=gain)

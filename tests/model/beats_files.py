"""Files as Microsoft published them for BEATs, of networks that are tiny and know nothing."""

import torch

from esc50.model.beats import Beats
from esc50.model.beats_encoder import Architecture

# As large as a published `cfg`: what it says of training, and of a last layer, is in it too.
CFG = {
    "encoder_layers": 3,
    "encoder_embed_dim": 48,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 4,
    "activation_fn": "gelu",
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "encoder_layerdrop": 0.05,
    "dropout_input": 0.0,
    "layer_norm_first": False,
    "conv_bias": False,
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "relative_position_embedding": True,
    "num_buckets": 320,
    "max_distance": 800,
    "gru_rel_pos": True,
    "deep_norm": True,
    "input_patch_size": 16,
    "layer_wise_gradient_decay_ratio": 0.6,
    "embed_dim": 32,
    "finetuned_model": True,
    "predictor_dropout": 0.0,
    "predictor_class": 7,
}
# Of half a second at 16 kHz, as pictures of 128 x 48.
BEATS_FEATURES = """features=beats features.sample_rate=16000 features.seconds=0.5
    features.n_fft=512 features.hop_length=160 features.n_mels=128 features.frames=48
    features.height=128 features.width=48 input_mean=0.0 input_std=1.0""".split()
BIAS = "self_attn.relative_attention_bias.weight"


def make_beats(path, seed=0, **changes):
    """Write `cfg` and `model`, the first layer's bias in each layer; returns the path as text."""
    torch.manual_seed(seed)
    cfg = {**CFG, **changes}
    network = Beats(Architecture.parse("cfg", cfg), cfg["predictor_class"], (128, 498))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    state = {k.replace("head.", "predictor."): v for k, v in network.state_dict().items()}
    if not cfg["finetuned_model"]:
        state = {k: v for k, v in state.items() if not k.startswith("predictor.")}
    for number in range(1, cfg["encoder_layers"]):
        state[f"encoder.layers.{number}.{BIAS}"] = state[f"encoder.layers.0.{BIAS}"]
    torch.save({"cfg": cfg, "model": state}, path)
    return str(path)

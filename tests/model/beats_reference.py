"""Has SpeechBrain's copy of Microsoft's code compute what tests compare with, in its own process.

Importing it changes how torch multiplies on GPUs, and leaves modules behind that fail when looked
at: python -m tests.model.beats_reference FOLDER
"""

import sys
from pathlib import Path

import torch

from tests.model.beats_files import CFG

WEIGHT_NORM = "parametrizations.weight.original"  # 0, 1: what the published files call g and v
VARIANTS = {
    "published": {},
    "ungated": {"gru_rel_pos": False},
    "without_distances": {"relative_position_embedding": False},
    "without_deep_norm": {"deep_norm": False},
    "plain": {"gru_rel_pos": False, "relative_position_embedding": False, "deep_norm": False},
    "other": {"embed_dim": 48, "conv_bias": True, "activation_fn": "relu", "conv_pos": 15},
}
# As published, of 12 layers; a network that is not fine-tuned.
BASE = {"deep_norm": True, "relative_position_embedding": True, "gru_rel_pos": True}
BASE |= {"max_distance": 800}


def published_names(tensors):
    """Give the filters by place the names that they have in published files."""
    renamed = {}
    for key, value in tensors.items():
        for number, name in enumerate(("weight_g", "weight_v")):
            key = key.replace(f"{WEIGHT_NORM}{number}", name)
        renamed[key] = value
    return renamed


def build(reference, cfg):
    made = reference.BEATsConfig(cfg)
    reference.BEATs.__init__.__globals__["BEATsConfig"] = lambda _: made  # else it wants a file
    try:
        return reference.BEATs().eval()
    finally:
        reference.BEATs.__init__.__globals__["BEATsConfig"] = type(made)


def compute(reference, cfg):
    """Weights that are drawn, a second of sound, and what is made of it; gradients of a sum."""
    torch.manual_seed(0)
    # The published files' other ratio would scale gradients from layer to layer.
    network = build(reference, {**cfg, "layer_wise_gradient_decay_ratio": 1.0})
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    sound = 0.1 * torch.randn(2, 16000)
    patches, probabilities, _ = network.extract_features(sound, torch.ones(2))
    towards = torch.randn(patches.shape)
    (patches * towards).sum().backward()
    gradients = {key: p.grad for key, p in network.named_parameters() if p.grad is not None}
    return {"cfg": cfg, "model": published_names(network.state_dict())}, {
        "sound": sound,
        "pictures": network.preprocess(sound).transpose(1, 2)[:, None],
        "patches": patches.detach(),
        "probabilities": probabilities.detach(),
        "towards": towards,
        "gradients": published_names(gradients),
    }


def main(folder):
    import speechbrain.lobes.models.beats as reference

    for name, changes in VARIANTS.items():
        file, said = compute(reference, {**CFG, **changes})
        torch.save(file, folder / f"BEATs_{name}.pt")
        torch.save(said, folder / f"{name}.pt")
    base = published_names(build(reference, BASE).state_dict())
    torch.save({key: list(value.shape) for key, value in base.items()}, folder / "layout.pt")
    attention = reference.MultiheadAttention(8, 2, num_buckets=320, max_distance=800)
    apart = torch.arange(700)[None] - torch.arange(700)[:, None]
    torch.save(attention._relative_positions_bucket(apart), folder / "buckets.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

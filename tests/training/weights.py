"""The weights in a run's checkpoints, for tests that compare runs."""

import torch


def weights(folder, name="last"):
    """Read a checkpoint's weights."""
    path = folder / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True, map_location="cpu")["state_dict"]


def same_weights(one, other):
    """Say whether they are the same to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)

"""Cnn14 of PANNs (Kong et al., 2020), in the layout of its published weights."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.errors import UserError
from esc50.model.pretrained.weights import Weights, load_weights, read_weights

URL = "https://zenodo.org/records/3987831/files/Cnn14_mAP%3D0.431.pth"
# In the published file, the front end and AudioSet's 527 outputs.
APART = ("spectrogram_extractor.", "logmel_extractor.", "fc_audioset.")


class ConvBlock(nn.Module):
    """Two convolutions of 3 x 3 with batch norm, then average pooling and dropout."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Take the numbers of channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.drop = nn.Dropout(0.2)  # of the block, so that it is still where the block is frozen

    def forward(self, x: Tensor, pool: int) -> Tensor:
        """Pictures (batch, inputs, T, rows) to (batch, outputs, T // pool, rows // pool)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        dropped: Tensor = self.drop(F.avg_pool2d(x, pool) if pool > 1 else x)
        return dropped


class Cnn14(nn.Module):
    """Log-mels in dB of full scale (batch, 1, rows, T) to logits (batch, n_classes)."""

    def __init__(self, n_classes: int, rows: int, widths: list[int]) -> None:
        """Take the rows of the pictures, and the channels of each block."""
        super().__init__()
        self.bn0 = nn.BatchNorm2d(rows)
        for number, (inputs, outputs) in enumerate(zip([1, *widths], widths, strict=False), 1):
            setattr(self, f"conv_block{number}", ConvBlock(inputs, outputs))
        self.fc1 = nn.Linear(widths[-1], widths[-1])
        self.fc_classes = nn.Linear(widths[-1], n_classes)
        self.n_blocks = len(widths)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.bn0(x.transpose(1, 2)).permute(0, 2, 3, 1)
        for number in range(1, self.n_blocks + 1):
            block = self.get_submodule(f"conv_block{number}")
            x = block(x, 2 if number < self.n_blocks else 1)
        x = x.mean(dim=3)
        x = x.amax(dim=2) + x.mean(dim=2)
        x = F.relu(self.fc1(self.drop(x)))
        logits: Tensor = self.fc_classes(self.drop(x))
        return logits


def panns_cnn14(
    n_classes: int, size: tuple[int, int], weights: str | None = None, width: int = 64
) -> nn.Module:
    """Build Cnn14: log-mels (batch, 1, height, width) to logits (batch, n_classes).

    Args:
        n_classes: outputs of the last layer, which is always new.
        size: height and width of the input.
        weights: None; "audioset", which downloads the published ones; or their file
            (Cnn14_mAP=0.431.pth).
        width: channels of the first block; each of the others has twice as many as the one before.

    Raises:
        UserError: the picture is too small, or the weights are absent or others.
    """
    if min(size) < 32:
        raise UserError(
            f"model: Cnn14 halves its pictures five times, features.height={size[0]} and "
            f"features.width={size[1]} must be 32 at least"
        )
    network = Cnn14(n_classes, size[0], [width * 2**i for i in range(6)])
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    if weights is not None:
        read = _audioset() if weights == "audioset" else read_weights(weights)
        state = {k: v for k, v in read.state.items() if not k.startswith(APART)}
        load_weights(network, Weights(read.path, state), "PANNs' Cnn14")
    return network


def _audioset() -> Weights:
    try:
        held: Any = torch.hub.load_state_dict_from_url(URL, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"model.weights=audioset cannot be downloaded ({error}): fetch {URL} where there is a "
            "network and give its path as model.weights='/path/to/Cnn14_mAP=0.431.pth', or train "
            "from scratch with model.weights=null"
        ) from None
    return Weights("audioset", dict(held["model"]))

"""A checkpoint as one module that other runtimes can take over: waveforms in, probabilities out.

All of it is operations that torch.export and ONNX have a word for: one short-time Fourier
transform, dense products, no branch on what a clip holds.
"""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from esc50.audio.front_ends.front_end import FrontEnd, PictureFrontEnd, make_front_end
from esc50.audio.front_ends.sparse import SparseMatmul
from esc50.model.network import build_plain_network, without_weights
from esc50.model.trained import TrainedModel

Kind = TypeVar("Kind", bound=FrontEnd)


class PortableModel(nn.Module):
    """Waveforms to probabilities: front end, networks, the mean of what they say."""

    def __init__(self, models: Sequence[TrainedModel]) -> None:
        """Take over the networks in float32, on the processor.

        Args:
            models: one; or several of the same classes and features, an ensemble.
        """
        super().__init__()
        self.front_end = make_portable(make_front_end(models[0].spec))
        self.networks = nn.ModuleList(plain_network(model) for model in models)
        self.scales = [(each.config["input_mean"], each.config["input_std"]) for each in models]
        self.eval().requires_grad_(False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Float32 (batch, n_samples) at the model's rate to probabilities (batch, classes)."""
        x = self.front_end.features(waveform)
        answers = [
            network((x - mean) / std).softmax(1)
            for network, (mean, std) in zip(self.networks, self.scales, strict=True)
        ]
        return torch.stack(answers).mean(0)


def plain_network(model: TrainedModel) -> nn.Module:
    """Build the network anew as its class makes it, with the model's weights, on the processor."""
    section = without_weights(model.config["model"])  # the model's own follow
    channels, size = model.spec.shape[0], model.spec.shape[1:]
    known = channels, model.specification.get("architecture")
    network = build_plain_network(section, len(model.classes), size, *known)
    network.load_state_dict(model.network.state_dict())
    return network.float()


def make_portable(front_end: Kind) -> Kind:
    """Put operations that export in the place of a front end's own; returns it."""
    if isinstance(front_end, PictureFrontEnd):
        fourier = front_end.fourier
        front_end.fourier = PortableFourier(fourier.window, fourier.hop_length)
    for parent in list(front_end.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, SparseMatmul):
                setattr(parent, name, DenseMatmul(child))
    if hasattr(front_end, "_bands"):
        del front_end._bands  # for training alone
    return front_end


class PortableFourier(nn.Module):
    """The short-time Fourier transform as the one operation that other runtimes have for it."""

    window: Tensor

    def __init__(self, window: Tensor, hop_length: int) -> None:
        """Take the window and the hop of a `Fourier`."""
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Transform float32 (batch, n_samples): complex64 (batch, T, n_fft // 2 + 1)."""
        return self._stft(waveform).transpose(-1, -2)

    def power(self, waveform: Tensor) -> Tensor:
        """Power of float32 (batch, n_samples): float32 (batch, n_fft // 2 + 1, T)."""
        return torch.view_as_real(self._stft(waveform)).square().sum(-1)

    def _stft(self, waveform: Tensor) -> Tensor:
        return torch.stft(
            waveform,
            len(self.window),
            self.hop_length,
            window=self.window,
            pad_mode="constant",
            return_complex=True,
        )


class DenseMatmul(nn.Module):
    """A `SparseMatmul` as the dense product that every runtime has."""

    matrix: Tensor

    def __init__(self, sparse: SparseMatmul) -> None:
        """Write the operator out as its matrix (rows_out, rows_in)."""
        super().__init__()
        ends = torch.cat([sparse.offset[1:], torch.tensor([len(sparse.index)])])
        rows = torch.arange(sparse.rows_out).repeat_interleave(ends - sparse.offset)
        matrix = torch.zeros(sparse.rows_out, sparse.rows_in)
        matrix[rows, sparse.index] = sparse.weight
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to float32 (..., rows_in, columns): (..., rows_out, columns)."""
        return self.matrix @ x

"""Batch norm over the whole of a batch that several processes share."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose training statistics are those of all processes' items together.

    torch's own `SyncBatchNorm` needs GPUs; this one runs on processors, over gloo. Parameters and
    buffers are named as in `nn.BatchNorm2d`, and evaluation is the same.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        """Normalise this process's share: (share, channels, height, width), like the result."""
        if not self.training:
            return super().forward(x)
        wide = x.to(self.weight.dtype)
        variance, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
        n = x.numel() // x.shape[1]
        # Moments add up where variances do not; in double precision nothing cancels.
        first, second = mean.double(), variance.double() + mean.double().square()
        here = torch.cat([first * n, second * n, first.new_tensor([n])])
        first, second, count = _Sum.apply(here).split([x.shape[1], x.shape[1], 1])
        mean = first / count
        variance = second / count - mean.square()
        self._keep(mean.detach(), variance.detach(), count.item())
        scale = self.weight * (variance + self.eps).rsqrt().to(wide.dtype)
        shift = self.bias - mean.to(wide.dtype) * scale
        return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Move the running statistics as `nn.BatchNorm2d` does: by the unbiased variance."""
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def share_batch_norm(network: nn.Module, device: torch.device) -> nn.Module:
    """Make every `nn.BatchNorm2d` normalise over the processes of the default group.

    Returns:
        The network, whose state dict is as before.
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return converted
    for parent in list(network.modules()):
        for name, norm in list(parent.named_children()):
            if type(norm) is nn.BatchNorm2d:
                shared = SharedBatchNorm2d(norm.num_features, norm.eps, norm.momentum)
                shared.load_state_dict(norm.state_dict())
                shared.requires_grad_(norm.weight.requires_grad)
                setattr(parent, name, shared)
    return network


class _Sum(torch.autograd.Function):
    """Sums over all processes; the gradient is summed likewise, as all of them depend on it."""

    @staticmethod
    def forward(ctx: Any, here: Tensor) -> Tensor:
        total = here.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total: Tensor = _Sum.apply(gradient.contiguous())
        return total

"""torchvision's ResNet-18 with one input channel, or several, and any number of classes."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import ResNet, ResNet18_Weights, resnet18

from esc50.errors import UserError
from esc50.model.pretrained.weights import Weights, load_weights, read_weights

Pair = tuple[int, int]

_WIDTH = 64  # channels of torchvision's first stage


def single_channel_resnet18(
    n_classes: int,
    weights: str | None = None,
    head_width: int | None = None,
    stem_stride: Sequence[int] | None = None,
    width: int | None = None,
    in_channels: int = 1,
) -> nn.Module:
    """Build the network: pictures (batch, in_channels, height, width) to logits (batch, n_classes).

    The first convolution keeps ImageNet's filters where weights are given: of other than three
    channels summed over red, green and blue and shared evenly among the channels, which gives what
    the three-channel network sees of a grey picture.

    Args:
        n_classes: outputs of the last layer, which is always new.
        weights: None, "imagenet" (torchvision's), or a file of a ResNet-18's weights, of whatever
            classes: see `read_weights`.
        head_width: units of a layer between the pooled features and the outputs; None: no layer.
        stem_stride: rows and columns that the first convolution moves by; None: 2 and 2. All that
            follows costs in proportion to what it leaves.
        width: channels of the first stage, of which each later one has twice as many as the one
            before; None: 64. The cost of a cell goes with its square.
        in_channels: of the features, one but for log-mels with deltas.

    Raises:
        UserError: the weights are absent, cannot be downloaded, or are not a ResNet-18's.
    """
    network = resnet18(num_classes=n_classes)
    if width is not None:
        _set_width(network, width)
    rows, columns = stem_stride or (2, 2)
    network.conv1 = _convolution(
        in_channels, network.bn1.num_features, kernel_size=7, stride=(rows, columns), padding=3
    )
    if head_width is not None:
        features = network.fc.in_features
        hidden, outputs = nn.Linear(features, head_width), nn.Linear(head_width, n_classes)
        network.fc = nn.Sequential(hidden, nn.ReLU(inplace=True), outputs)
    if weights is not None:
        read = _imagenet() if weights == "imagenet" else read_weights(weights)
        load_weights(network, read, "a ResNet-18, torchvision's or this package's")
    return network


def _set_width(network: ResNet, width: int) -> None:
    """Give all layers behind the first convolution the channels of a network of another width."""

    def scaled(channels: int) -> int:
        return channels * width // _WIDTH

    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.BatchNorm2d(scaled(child.num_features)))
            elif isinstance(child, nn.Conv2d) and child is not network.conv1:
                shape: Any = {"stride": child.stride, "padding": child.padding}
                channels = scaled(child.in_channels), scaled(child.out_channels)
                setattr(parent, name, _convolution(*channels, child.kernel_size, **shape))
    network.fc = nn.Linear(scaled(network.fc.in_features), network.fc.out_features)


def _convolution(in_channels: int, out_channels: int, kernel_size: Any, **shape: Any) -> nn.Conv2d:
    """A convolution that begins as torchvision's do."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False, **shape)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def optimize_memory_layout(network: nn.Module, size: tuple[int, int]) -> nn.Module:
    """Order numbers in memory as trains fastest; what is computed differs by rounding alone.

    Channels are interleaved, which convolutions, norms and pooling are faster with on processors
    and GPUs. On a processor a ResNet's last stage is the exception: its pictures are so small and
    its filters so large that turning the filters' gradients costs more, 14% of a step at 2 x 2.
    Processors are faster along rows than across them, so a ResNet that makes tall pictures of
    those of `size`, height and width, works on them turned on their side.
    """
    network = network.to(memory_format=torch.channels_last)
    if isinstance(network, ResNet) and _is_plain(network) and not torch.cuda.is_available():
        network.layer4.to(memory_format=torch.contiguous_format)
        network.layer4.register_forward_pre_hook(_planar)
        rows, columns = network.conv1.stride
        turned = size[0] / rows > size[1] / columns
        if turned:
            network.register_forward_pre_hook(_on_their_side)
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if type(child) is nn.Conv2d:
                    setattr(parent, name, _Conv2d.of(child, turned))
    return network


def _is_plain(network: nn.Module) -> bool:
    """Whether all convolutions are of one group and without dilation, as a ResNet-18's are."""
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return all(conv.groups == 1 and conv.dilation == (1, 1) for conv in convs)


def _planar(_: nn.Module, pictures: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (pictures[0].contiguous(),)


def _on_their_side(_: nn.Module, pictures: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (pictures[0].mT,)


class _Conv2d(nn.Conv2d):
    """A convolution whose pictures may lie on their side, and may be a single column.

    Its filters read as ever, and lie in memory as it needs them.
    """

    turned: bool

    @classmethod
    def of(cls, conv: nn.Conv2d, turned: bool) -> "_Conv2d":
        """Take over a convolution's filters; no random number is drawn."""
        own = cls(
            conv.in_channels,
            conv.out_channels,
            cast(Pair, conv.kernel_size),
            cast(Pair, conv.stride),
            cast(Pair, conv.padding),
            bias=conv.bias is not None,
            device="meta",
        )
        own.weight, own.bias, own.turned = conv.weight, conv.bias, turned
        if turned:
            weight = conv.weight.data
            interleaved = weight.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if interleaved else torch.contiguous_format
            own.weight.data = weight.mT.contiguous(memory_format=order).mT
        return own

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Convolve pictures (batch, channels, height, width), or (..., width, height) if turned."""
        weight, stride, padding = self.weight, self.stride, cast(Pair, self.padding)
        if self.turned:
            weight, stride, padding = weight.mT, stride[::-1], padding[::-1]
        columns = weight.shape[-1]
        if pictures.shape[-1] == 1 and columns == 2 * padding[1] + 1 > 1:
            # All but the filter's middle column lie beside the picture. oneDNN's bfloat16 leaves
            # their gradient whatever was in that memory before, instead of nothing.
            weight, padding = weight[..., padding[1] : padding[1] + 1], (padding[0], 0)
        return F.conv2d(pictures, weight, self.bias, stride, padding)


def _imagenet() -> Weights:
    try:
        state = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
        return Weights("imagenet", dict(state))
    except (OSError, RuntimeError) as error:
        url = ResNet18_Weights.IMAGENET1K_V1.url
        raise UserError(
            f"model.weights=imagenet cannot be downloaded ({error}): fetch {url} where there is a "
            "network and give its path as model.weights=/path/to/file.pth, or train from scratch "
            "with model.weights=null"
        ) from None

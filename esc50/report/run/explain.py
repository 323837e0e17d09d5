"""Why a network answers as it does: training clips that it finds alike, and what it looks at."""

import torch
from torch import Tensor
from torch.nn import functional as F

from esc50.errors import UserError
from esc50.model.trained import TrainedModel

AT_ONCE = 64  # clips: as many as training has in a batch
SMOOTH = 5
STRETCHES = 160  # of time, of which a row of samples is told


def nearest(model: TrainedModel, clips: Tensor, others: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the clips that the network's own features find most alike.

    Args:
        model: whose features, see `TrainedModel.embed`, are compared by their cosine.
        clips: pictures (n, channels, height, width).
        others: pictures (m, channels, height, width), such as those of the training clips.
        k: how many to find, at most m.

    Returns:
        Rows of `others` int64 (n, k), the nearest first, and their cosines float32 (n, k).
    """
    ours, theirs = (F.normalize(_embed(model, part), dim=1) for part in (clips, others))
    cosines, rows = (ours @ theirs.T).topk(min(k, len(others)), dim=1)
    return rows, cosines


def _embed(model: TrainedModel, clips: Tensor) -> Tensor:
    return torch.cat([model.embed(part).cpu() for part in torch.split(clips, AT_ONCE)])


def saliency(model: TrainedModel, clips: Tensor, classes: Tensor) -> Tensor:
    """Show where a small change of the picture would change the answer most.

    The absolute gradient of a class's log probability (Simonyan, Vedaldi and Zisserman, 2014,
    section 3; the greatest of the channels), averaged over `SMOOTH` cells each way. A waveform's is
    greatest in silence, which any sound would fill: it is multiplied by the samples (Shrikumar et
    al., 2016), and averaged over `STRETCHES` of time. Each clip's is divided by its greatest value.

    Args:
        model: the network.
        clips: pictures (n, channels, height, width).
        classes: int64 (n,), whose probability it is about.

    Returns:
        float32 (n, height, width) in [0, 1], of waveforms (n, 1, `STRETCHES`).

    Raises:
        UserError: the answer has no gradient, as that of a forest, which changes by leaps.
    """
    x = clips.clone().requires_grad_()
    with torch.enable_grad():
        chosen = model.logits(x).log_softmax(1)[torch.arange(len(x)), classes.to(model.device)]
        if not chosen.requires_grad:
            raise UserError("what the model looks at, as its answer has no gradient")
        (gradient,) = torch.autograd.grad(chosen.sum(), x)
    if x.shape[2] == 1:
        size = (gradient * x.detach()).abs().amax(1)
        size = F.adaptive_avg_pool2d(size, (1, min(STRETCHES, size.shape[2])))
    else:
        size = gradient.abs().amax(1)
        size = F.avg_pool2d(size, SMOOTH, stride=1, padding=SMOOTH // 2, count_include_pad=False)
    return size / size.amax((1, 2), keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)

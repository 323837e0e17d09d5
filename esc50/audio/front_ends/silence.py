"""Clips that are mostly silence: the sound repeated in its place."""

import torch
from torch.nn import functional as F

_BLOCK_SECONDS = 0.01  # level is measured over blocks this long
_GAP_SECONDS = 0.1  # silence between repetitions, so that they are heard as such
_LEAST_PART = 0.05  # of a clip that must be silent: less is not worth a seam


def repeat_sound(clip: torch.Tensor, sample_rate: int, below_db: float) -> torch.Tensor:
    """Cut the silence around each clip's sound and repeat the sound until the clip is full again.

    Many clips of ESC-50 are a short sound, padded with digital silence to five seconds: averaged
    over time, little of it remains. The operations are the same whatever the clip holds, so that
    a graph of them can be exported.

    Args:
        clip: float32 (..., n_samples).
        sample_rate: Hz.
        below_db: silence is where the level stays this many dB below the clip's peak.

    Returns:
        float32 (..., n_samples); a clip stays as it is where less than a twentieth of it is
        silence around its sound, or all of it.
    """
    block = max(1, round(_BLOCK_SECONDS * sample_rate))
    gap, n = round(_GAP_SECONDS * sample_rate), clip.shape[-1]
    n_blocks = n // block
    blocks = clip[..., : n_blocks * block].reshape(*clip.shape[:-1], n_blocks, block)
    level = blocks.abs().amax(-1)
    heard = level > level.amax(-1, keepdim=True) * 10 ** (-below_db / 20)
    number = torch.arange(n_blocks, device=clip.device)
    first = torch.where(heard, number, n_blocks).amin(-1, keepdim=True)
    after = torch.where(heard, number + 1, 0).amax(-1, keepdim=True)  # less than first: all silent
    repeats = (first < after) & (after - first <= int((1 - _LEAST_PART) * n_blocks))
    start = torch.where(repeats, first * block, 0)
    length = torch.where(repeats, (after - first) * block, n)
    position = torch.arange(n, device=clip.device) % torch.where(repeats, length + gap, n)
    # The sample behind the clip's last is the silence between repetitions.
    source = torch.where(position < length, start + position, n)
    return F.pad(clip, (0, 1)).gather(-1, source)

"""Clips that are mostly silence: the sound repeated in its place."""

import numpy as np

_BLOCK_SECONDS = 0.01  # level is measured over blocks this long
_GAP_SECONDS = 0.1  # silence between repetitions, so that they are heard as such
_LEAST_PART = 0.05  # of a clip that must be silent: less is not worth a seam


def repeat_sound(clip: np.ndarray, sample_rate: int, below_db: float) -> np.ndarray:
    """Cut the silence around a clip's sound and repeat the sound until the clip is full again.

    Many clips of ESC-50 are a short sound, padded with digital silence to five seconds: averaged
    over time, little of it remains.

    Args:
        clip: float32 (n_samples,).
        sample_rate: Hz.
        below_db: silence is where the level stays this many dB below the clip's peak.

    Returns:
        float32 (n_samples,); the clip itself where less than a twentieth of it is silence around
        its sound, or all of it.
    """
    block = max(1, round(_BLOCK_SECONDS * sample_rate))
    n_blocks = len(clip) // block
    level = np.abs(clip[: n_blocks * block].reshape(n_blocks, block)).max(axis=1, initial=0)
    heard = np.flatnonzero(level > level.max(initial=0) * 10 ** (-below_db / 20))
    if not heard.size or heard[-1] + 1 - heard[0] > (1 - _LEAST_PART) * n_blocks:
        return clip
    sound = clip[heard[0] * block : (heard[-1] + 1) * block]
    sound = np.pad(sound, (0, round(_GAP_SECONDS * sample_rate)))
    return np.resize(sound, len(clip))

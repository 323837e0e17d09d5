"""One channel of a sound of several."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from esc50.errors import UserError

CANCELS = 1e-3  # of the channels' power that is left of a mean which cancels
CANCELLED = "have channels that cancel each other in their mean (features.channel=loudest)"

Channel = int | Literal["loudest"] | None


@dataclass
class Mixer:
    """Takes one channel of a sound that comes in blocks, or the mean of all.

    Attributes:
        name: of the sound, for messages.
        channel: from 1, or "loudest"; None: the mean of all.
        of_channels: power of what has been averaged.
        of_mean: power that is left of it.
    """

    name: str
    channel: Channel = None
    of_channels: float = 0.0
    of_mean: float = 0.0

    def mix(self, block: np.ndarray) -> np.ndarray:
        """Mix float32 (frames, channels) to (frames,), but for the loudest: see `loudest`.

        Raises:
            UserError: there is no such channel.
        """
        n = block.shape[1]
        if n == 1:
            return block[:, 0]
        if self.channel == "loudest":
            return block
        if self.channel is None:
            mean: np.ndarray = block.mean(axis=1)
            self.of_channels += float(np.vdot(block, block)) / n
            self.of_mean += float(np.vdot(mean, mean))
            return mean
        if self.channel > n:
            raise UserError(
                f"{self.name} has {n} channels: features.channel={self.channel} is not one of them."
            )
        return block[:, self.channel - 1]

    @property
    def cancels(self) -> bool:
        """Whether a mean is silent though the channels are not."""
        return self.of_channels > 0 and self.of_mean < CANCELS * self.of_channels


def loudest(samples: np.ndarray) -> np.ndarray:
    """Take the channel of the greatest power: of this clip, the next one may have another.

    Args:
        samples: float32 (frames, channels), or (frames,) of one.

    Returns:
        float32 (frames,).
    """
    if samples.ndim == 1:
        return samples
    power = (samples.astype(np.float64) ** 2).sum(0)
    return np.ascontiguousarray(samples[:, int(power.argmax())])

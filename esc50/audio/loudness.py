"""Loudness as ITU-R BS.1770-4 defines it: what a listener would call equally loud."""

import math

import numpy as np

STEP_SECONDS = 0.1  # a quarter of a gating block
STEPS = 4  # in a gating block of 400 ms; blocks overlap by three quarters
ABSOLUTE_GATE = -70.0  # LUFS; quieter blocks are silence
RELATIVE_GATE = -10.0  # LU below what is left, once silence is out
LOWEST_RATE = 4000  # Hz; below it the shelf lies beyond half the sample rate


class LoudnessMeter:
    """Integrated loudness of sound that comes in blocks.

    Channels weigh alike: the standard for mono and stereo, which weighs surround ones by 1.41.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        """Compute the filters for a sample rate in Hz."""
        self._sections = k_weighting(sample_rate)
        self._state = np.zeros((len(self._sections), channels, 2))
        self._step = round(STEP_SECONDS * sample_rate)
        self._rest = np.zeros(0)
        self._powers: list[np.ndarray] = []

    def add(self, samples: np.ndarray) -> None:
        """Take the next float32 (frames, channels)."""
        from scipy.signal import sosfilt

        weighted, self._state = sosfilt(
            self._sections, samples.T.astype(np.float64), zi=self._state
        )
        power = np.concatenate([self._rest, np.square(weighted).sum(0)])
        whole = len(power) // self._step * self._step
        self._powers.append(power[:whole].reshape(-1, self._step).mean(1))
        self._rest = power[whole:]

    def integrated(self) -> float:
        """Loudness in LUFS; NaN where no block of 400 ms is louder than silence."""
        steps = np.concatenate([np.zeros(0), *self._powers])
        if len(steps) < STEPS:
            return math.nan
        blocks = np.convolve(steps, np.full(STEPS, 1 / STEPS), mode="valid")
        blocks = blocks[_lufs(blocks) > ABSOLUTE_GATE]
        if not blocks.size:
            return math.nan
        blocks = blocks[_lufs(blocks) > _lufs(blocks.mean()) + RELATIVE_GATE]
        return float(_lufs(blocks.mean()))


def k_weighting(sample_rate: int) -> np.ndarray:
    """Filter of the standard's annex 1 as second-order sections: (2, 6).

    The standard gives coefficients at 48 kHz; the analogue prototypes behind them, which hold at
    any rate, are De Man's (Evaluation of implementations of the EBU R128 loudness measurement,
    2018).
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]
    low_k, low_q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0, below = _denominator(k, q), _denominator(low_k, low_q)
    return np.array(
        [
            [*(b / a0[0] for b in shelf), *(a / a0[0] for a in a0)],
            [1, -2, 1, *(a / below[0] for a in below)],
        ]
    )


def _denominator(k: float, q: float) -> list[float]:
    return [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]


def _lufs(power: np.ndarray) -> np.ndarray:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))

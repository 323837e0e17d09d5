"""Augmentation on the waveform, to listen to: the slow way, by librosa, with the same parameters.

Training changes spectra (`esc50.audio.augment`), which have no phase and so no sound. This is what
they stand for.
"""

import numpy as np

from esc50.audio.augment_params import AugmentParams
from esc50.audio.spec import BandedSpec


def change_waveform(
    samples: np.ndarray,
    params: AugmentParams,
    grid: np.ndarray,
    spec: BandedSpec,
    partner: np.ndarray | None = None,
) -> np.ndarray:
    """Change a clip as one row of sampled parameters says; masks, which hide cells, are not heard.

    Args:
        samples: float32 (n,) at the rate of `spec`.
        params: one row.
        grid: semitones of the pitch steps; see `Recipe.grid`.
        spec: of the features.
        partner: float32 (n,), what it is mixed with, if it is.

    Returns:
        float32 (n,), in the order of `Augment`: rotated, pitch shifted, equalised, amplified,
        stretched (then cut or padded with silence), with noise, mixed.
    """
    from librosa.effects import pitch_shift, time_stretch
    from librosa.util import fix_length

    n = len(samples)
    if params.shift[0]:
        samples = np.roll(samples, -round(float(params.shift[0]) * n))
    if params.pitch[0]:
        semitones = float(grid[params.pitch[0] + len(grid) // 2])
        samples = pitch_shift(samples, sr=spec.sample_rate, n_steps=semitones)
    if params.eq_db.any():
        samples = _equalise(samples, params.eq_db[0], spec)
    samples = samples * 10 ** (float(params.gain_db[0]) / 20)
    if params.rate[0] != 1:
        samples = fix_length(time_stretch(samples, rate=float(params.rate[0])), size=n)
    if params.noise_std[0]:
        rng = np.random.default_rng(int(params.noise_at[0] * 2**32))
        samples = samples + params.noise_std[0] * rng.standard_normal(n)
    if params.mix_weight[0] != 1 and partner is not None:
        samples = _mix(samples, partner, float(params.mix_weight[0]))
    return np.asarray(samples, dtype=np.float32)


def _equalise(samples: np.ndarray, eq_db: np.ndarray, spec: BandedSpec) -> np.ndarray:
    """Amplify each frequency by the gain between the corners, which lie evenly on the mel scale."""
    from librosa import hz_to_mel, istft, stft

    low, high = hz_to_mel(spec.fmin), hz_to_mel(spec.fmax_hz)
    place = (hz_to_mel(spec.bin_hz) - low) / (high - low)
    gain = 10 ** (np.interp(place, np.linspace(0, 1, len(eq_db)), eq_db) / 20)
    spectrum = stft(samples, n_fft=spec.n_fft, hop_length=spec.hop_length)
    changed = spectrum * gain[:, None]
    return istft(changed, n_fft=spec.n_fft, hop_length=spec.hop_length, length=len(samples))


def _mix(samples: np.ndarray, partner: np.ndarray, weight: float) -> np.ndarray:
    """Between-class mixing (Tokozume et al., 2018): equal levels, amplitudes as the weights."""
    from librosa.feature import rms

    levels = rms(y=samples).max(), rms(y=partner).max()
    if not all(levels):
        return samples
    total = np.hypot(weight, 1 - weight)
    return (weight * samples + (1 - weight) * levels[0] / levels[1] * partner) / total

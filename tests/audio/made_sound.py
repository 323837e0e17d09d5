"""Sound made for the tests of front ends: something of everything, five seconds at 44.1 kHz."""

import numpy as np


def made_sound(rate: int = 44100, seconds: float = 5.0) -> np.ndarray:
    """A glide from 100 Hz to 8 kHz over noise that fades in, a click, and silence at the end."""
    rng, time = np.random.default_rng(3), np.arange(round(rate * seconds)) / rate
    glide = 0.3 * np.sin(2 * np.pi * 100 * 80 ** (time / seconds) / np.log(80) * seconds)
    sound = glide + 0.02 * time / seconds * rng.standard_normal(len(time))
    sound[len(time) // 3] += 0.5
    sound[-len(time) // 5 :] = 0
    return sound.astype(np.float32)

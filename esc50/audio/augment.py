"""TEMPORARY stand-in by the lead while the real module is being written: overwrite this file."""

import numpy as np


class Draws:
    def __getitem__(self, rows):
        return self


class Augment:
    def __init__(self, spec, kind):
        self.online = False
        self.kind = kind

    def draw_copies(self, n, rng):
        if self.kind == "none":
            return np.zeros(0, np.int64), Draws()
        return np.repeat(np.arange(n), rng.integers(1, 6, n)), Draws()

    def render(self, magnitude, peak, clean, draws):
        return clean

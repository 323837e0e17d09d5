import numpy as np
import pytest
import torch

from esc50.audio.front_ends.logmel import LogMel
from tests.audio.pictures import WHOLE, analysed, make, sampled


@pytest.mark.parametrize("noise_std", [0.005, 0.02])
def test_noise_has_the_waveforms_mean_and_spread_by_band(noise_std, clips):
    n, generator = len(clips), torch.Generator().manual_seed(0)
    noisy = [y + noise_std * torch.randn(len(y), generator=generator) for y in clips]
    theirs = 21 * torch.stack([LogMel(WHOLE).features(y) for y in noisy])  # in dB
    params = sampled(n, noise_std=noise_std, noise_at=np.linspace(0, 1, n, endpoint=False))
    ours = 21 * make("published").render(*analysed(clips), params)
    mean = (ours.mean((0, 1, 3)) - theirs.mean((0, 1, 3))).abs().max()
    spread = (ours.std(3).mean((0, 1)) - theirs.std(3).mean((0, 1))).abs().max()
    print(f"{noise_std}: by mel band at most {mean:.2f} dB in mean, {spread:.2f} dB in spread")
    assert mean < 0.5 and spread < 0.5


def test_noise_is_correlated_in_time_and_frequency_like_noise():
    generator = torch.Generator().manual_seed(5)
    real = LogMel(WHOLE).features(torch.randn(4, 220500, generator=generator))[..., 3:-3]
    silence = analysed(list(torch.zeros(4, 220500)))
    params = sampled(4, noise_std=1.0, noise_at=np.arange(4) / 4)
    ours = make("published").render(*silence, params)[..., 3:-3]
    for axis in (2, 3):
        near = []
        for x in (real, ours):
            x = x - x.mean(3, keepdim=True)
            n = x.shape[axis] - 1
            near.append((x.narrow(axis, 1, n) * x.narrow(axis, 0, n)).mean() / x.square().mean())
        assert abs(near[0] - near[1]) < 0.03

import numpy as np
import pytest
import torch

from esc50.model.lightning.threshold import choose_threshold


@pytest.mark.parametrize(("clips", "below"), [(1, 0), (19, 0), (20, 1), (80, 4), (100, 5)])
def test_of_a_hundred_clips_ninety_five_reach_it(clips, below):
    best = torch.linspace(0.5, 0.9, clips)[torch.randperm(clips)]
    probabilities = torch.stack([best, 1 - best], dim=1)
    chosen = choose_threshold(probabilities)
    assert chosen["clips"] == clips and chosen["kept"] == 0.95
    assert (best < chosen["probability"]).sum() == below
    lower = np.quantile(best.numpy(), 0.05, method="inverted_cdf")
    assert chosen["probability"] >= lower

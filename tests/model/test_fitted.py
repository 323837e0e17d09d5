import numpy as np
import torch

from esc50.model.forest import RandomForest


def test_a_description_is_each_rows_mean_and_deviation():
    x = torch.randn(3, 2, 5, 40, generator=torch.Generator().manual_seed(0))
    rows = x.numpy().astype(np.float64).reshape(3, 10, 40)
    expected = np.concatenate([rows.mean(2), rows.std(2)], 1)
    np.testing.assert_allclose(RandomForest.describe(x).numpy(), expected, rtol=1e-6)


def test_before_it_is_fitted_all_classes_are_alike():
    logits = RandomForest(4)(torch.randn(2, 1, 8, 8))
    assert torch.equal(logits.softmax(1), torch.full((2, 4), 0.25))

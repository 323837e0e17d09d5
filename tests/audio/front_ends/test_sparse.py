import numpy as np
import pytest
import torch

from esc50.audio.front_ends.sparse import SparseMatmul


@pytest.fixture
def matrix():
    """Seven rows of which one is empty."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((7, 11)) * (rng.random((7, 11)) < 0.3)
    matrix[4] = 0
    return matrix


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_it_is_the_dense_product(matrix, batch):
    x = torch.randn(*batch, 11, 5, generator=torch.Generator().manual_seed(1))
    product = SparseMatmul(matrix)(x)
    assert product.shape == (*batch, 7, 5)
    torch.testing.assert_close(product, torch.from_numpy(matrix).float() @ x)


def test_it_leaves_nothing_in_checkpoints(matrix):
    assert not SparseMatmul(matrix).state_dict()

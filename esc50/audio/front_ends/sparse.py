"""A sparse matrix product that is fast on the processor and on a GPU."""

import numpy as np
import torch
from torch.nn import functional as F


class SparseMatmul(torch.nn.Module):
    """A sparse matrix applied from the left: each output row is a weighted sum of input rows.

    It runs as one `embedding_bag`, which for the handful of entries a row of these operators has
    is some twenty times faster than the dense product, on the processor as on a GPU.
    """

    index: torch.Tensor
    offset: torch.Tensor
    weight: torch.Tensor

    def __init__(self, matrix: np.ndarray) -> None:
        """Take the dense (rows_out, rows_in) `matrix`; its zeros are dropped."""
        super().__init__()
        rows, columns = np.nonzero(matrix)
        offsets = np.searchsorted(rows, np.arange(len(matrix)))
        self.rows_out, self.rows_in = matrix.shape
        # Rebuilt from the specification, so kept out of checkpoints.
        self.register_buffer("index", torch.from_numpy(columns), persistent=False)
        self.register_buffer("offset", torch.from_numpy(offsets), persistent=False)
        weight = torch.from_numpy(matrix[rows, columns]).float()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply to float32 (..., rows_in, columns): (..., rows_out, columns)."""
        batch, table = x.shape[:-2], x.reshape(-1, x.shape[-1])
        copies = table.shape[0] // self.rows_in
        index, offset, weight = self.index, self.offset, self.weight
        if copies != 1:  # none, of an empty batch
            copy = torch.arange(copies, device=x.device)[:, None]
            index = (index + copy * self.rows_in).view(-1)
            offset = (offset + copy * len(self.index)).view(-1)
            weight = weight.repeat(copies)
        sums = F.embedding_bag(index, table, offset, mode="sum", per_sample_weights=weight)
        return sums.view(*batch, self.rows_out, x.shape[-1])

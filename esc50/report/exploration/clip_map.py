"""A map of all clips: what sounds alike lies close together."""

import warnings
from typing import Literal

import numpy as np

Reduction = Literal["tsne", "pca"]
PERPLEXITY = 30  # neighbours that t-SNE keeps close; scikit-learn's default
COMPONENTS = 30  # principal components that t-SNE starts from


def clip_profiles(logmels: np.ndarray) -> np.ndarray:
    """Mean and spread over time of each mel row: float32 (clips, 2 * height).

    Args:
        logmels: float (clips, 1, height, width).
    """
    block = 256  # a large set's log-mels do not fit in memory
    parts = [logmels[start : start + block, 0] for start in range(0, len(logmels), block)]
    return np.concatenate([np.concatenate([p.mean(2), p.std(2)], axis=1) for p in parts])


def place_clips(profiles: np.ndarray, reduction: Reduction) -> np.ndarray:
    """Place clips on a plane: float32 (clips, 2).

    Args:
        profiles: float (clips, features).
        reduction: "tsne" keeps neighbours together, "pca" keeps distances; both are scikit-learn's.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    n = len(profiles)
    if n < 3:
        return np.stack([np.arange(n), np.zeros(n)], axis=1).astype(np.float32)
    scaled = StandardScaler().fit_transform(profiles)
    wanted = COMPONENTS if reduction == "tsne" else 2
    components = PCA(min(wanted, *scaled.shape), random_state=0).fit_transform(scaled)
    if reduction == "pca" or n < 5:
        return components[:, :2].astype(np.float32)
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    # Its threads wait for each other a thousand times, on a busy machine for minutes.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clips that are all alike
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=0)
        return tsne.fit_transform(components).astype(np.float32)

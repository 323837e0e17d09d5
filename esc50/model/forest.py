"""scikit-learn's random forest as a network of arrays."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from esc50.model.fitted import FittedNetwork


class RandomForest(FittedNetwork):
    """Trees on the statistics of each clip, whose mean is the answer.

    `RandomForestClassifier.predict_proba`, computed for all trees of a batch side by side: every
    step goes one node down in each; a leaf leads to itself.
    """

    feature: Tensor  # int32 (nodes,): which number of the description a node looks at
    threshold: Tensor  # float32 (nodes,): up to which it goes left
    left: Tensor  # int32 (nodes,)
    right: Tensor  # int32 (nodes,)
    leaf: Tensor  # int32 (nodes,): row of `values`; of leaves alone it is ever read
    root: Tensor  # int32 (trees,)
    values: Tensor  # float64 (distinct leaves, classes): probabilities
    depth: Tensor  # int64 (): steps from a root to the farthest leaf

    def __init__(
        self,
        n_classes: int,
        n_estimators: int = 500,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        max_features: float | str | None = "sqrt",
    ):
        """Take scikit-learn's settings; any number of features is a part of them, 1 all."""
        super().__init__(n_classes)
        if isinstance(max_features, int):  # of which scikit-learn makes as many features
            max_features = float(max_features)
        self.settings = {
            "n_estimators": n_estimators,
            "max_depth": max_depth,
            "min_samples_leaf": min_samples_leaf,
            "max_features": max_features,
        }
        for name in ("feature", "left", "right", "leaf", "root"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(0))
        self.register_buffer("values", torch.zeros(0, n_classes, dtype=torch.float64))
        self.register_buffer("depth", torch.zeros((), dtype=torch.int64))
        self.steps = 0  # `depth` as a number: a loop that is exported cannot hang on a tensor
        self.register_load_state_dict_post_hook(_count_steps)  # type: ignore[no-untyped-call]

    @property
    def is_fitted(self) -> bool:
        """Whether there are trees."""
        return len(self.root) > 0

    def fit(
        self, x: np.ndarray, y: np.ndarray, seed: int, weights: Mapping[int, float] | None = None
    ) -> None:
        """Grow the trees; the same on any number of threads."""
        from sklearn.ensemble import RandomForestClassifier

        threads = torch.get_num_threads()
        forest = RandomForestClassifier(
            **self.settings, class_weight=weights, random_state=seed, n_jobs=threads
        )
        forest.fit(x, y)
        trees = [tree.tree_ for tree in forest.estimators_]
        sizes = [tree.node_count for tree in trees]
        first = np.cumsum([0, *sizes[:-1]])
        own = np.arange(sum(sizes))
        start = np.repeat(first, sizes)
        is_leaf = np.concatenate([tree.children_left for tree in trees]) < 0

        def child(side: str) -> np.ndarray:
            relative = np.concatenate([getattr(tree, f"children_{side}") for tree in trees])
            return np.where(is_leaf, own, start + relative)

        # Leaves of one class, which most are, have few values among them.
        shares = np.concatenate([tree.value[:, 0] for tree in trees])[is_leaf]
        shares /= shares.sum(1, keepdims=True)
        distinct, row = np.unique(shares, axis=0, return_inverse=True)
        values = np.zeros((len(distinct), self.n_classes))
        values[:, forest.classes_] = distinct
        leaf = np.zeros(len(own), np.int64)
        leaf[is_leaf] = row.ravel()
        thresholds = np.concatenate([tree.threshold for tree in trees])
        features = np.concatenate([tree.feature for tree in trees])
        self.threshold = torch.from_numpy(_rounded_down(thresholds))
        self.values = torch.from_numpy(values)
        self.feature = _whole(np.where(is_leaf, 0, features))
        self.left, self.right = _whole(child("left")), _whole(child("right"))
        self.leaf, self.root = _whole(leaf), _whole(first)
        self.depth = torch.tensor(max(tree.max_depth for tree in trees))
        self.steps = int(self.depth)

    def probabilities(self, described: Tensor) -> Tensor:
        """Descriptions float32 (batch, n) to float64 probabilities (batch, classes)."""
        node = self.root.long().expand(described.shape[0], -1)
        for _ in range(self.steps):
            number = described.gather(1, self.feature[node].long())
            below = number <= self.threshold[node]
            node = torch.where(below, self.left[node], self.right[node]).long()
        return self.values[self.leaf[node].long()].mean(1)


def _count_steps(module: RandomForest, _: object) -> None:
    module.steps = int(module.depth)


def _whole(numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int32))


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """The greatest float32 that is no greater: a float32 is below both or above both."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)

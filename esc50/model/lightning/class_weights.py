"""What the loss counts each class as, where some have more clips than others."""

import numpy as np


def balanced_weights(targets: np.ndarray, n_classes: int) -> np.ndarray:
    """Weigh classes so that all count alike in sum: scikit-learn's "balanced" numbers.

    Args:
        targets: int64 (items,), of all that is trained on.
        n_classes: how many there are, of which some may be without items.

    Returns:
        float64 (n_classes,): items / (classes with items * items of the class); 0 without items.
        Their mean over the items is 1, so that a loss keeps its size.
    """
    from sklearn.utils.class_weight import compute_class_weight

    weights, present = np.zeros(n_classes), np.unique(targets)
    weights[present] = compute_class_weight("balanced", classes=present, y=targets)
    return weights

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from esc50.model.lightning.class_weights import balanced_weights


def test_weights_are_scikit_learns_and_make_all_classes_count_alike():
    targets = np.repeat([0, 1, 2], [70, 20, 10])
    weights = balanced_weights(targets, 3)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_array_equal(weights, expected)
    np.testing.assert_allclose(weights * [70, 20, 10], 100 / 3)
    assert weights[targets].mean() == pytest.approx(1)


def test_a_class_without_items_counts_for_nothing():
    weights = balanced_weights(np.array([3, 3, 1]), 5)
    np.testing.assert_allclose(weights, [0, 1.5, 0, 0.75, 0])


def test_balanced_classes_are_left_alone():
    np.testing.assert_array_equal(balanced_weights(np.tile(np.arange(4), 3), 4), np.ones(4))

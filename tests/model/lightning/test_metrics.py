import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from esc50.model.lightning.metrics import BalancedAccuracy, CategoryAccuracy


def test_category_accuracy_forgives_confusions_within_a_category():
    rng = np.random.default_rng(0)
    groups = np.array([0, 0, 1, 1, 2])
    metric = CategoryAccuracy(torch.from_numpy(groups))
    scores, targets = rng.standard_normal((200, 5)), rng.integers(5, size=200)
    for part in (slice(0, 90), slice(90, 200)):
        metric.update(torch.from_numpy(scores[part]), torch.from_numpy(targets[part]))
    expected = accuracy_score(groups[targets], groups[scores.argmax(1)])
    assert metric.compute().item() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.parametrize("tested", [5, 3])
def test_balanced_accuracy_is_scikit_learns_whatever_classes_are_tested(tested):
    rng = np.random.default_rng(1)
    metric = BalancedAccuracy(5)
    scores, targets = rng.standard_normal((200, 5)), rng.integers(tested, size=200) ** 2 % tested
    for part in (slice(0, 90), slice(90, 200)):
        metric.update(torch.from_numpy(scores[part]), torch.from_numpy(targets[part]))
    expected = balanced_accuracy_score(targets, scores.argmax(1))
    assert metric.compute().item() == pytest.approx(expected)

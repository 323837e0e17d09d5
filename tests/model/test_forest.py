import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from esc50.model.fitted import LEAST
from esc50.model.forest import RandomForest


def clips(n: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Descriptions float32 (n, 6), half of them of few values, and targets that go with them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    x = (y[:, None] * rng.normal(size=6) + rng.normal(size=(n, 6))).astype(np.float32)
    x[:, :3] = x[:, :3].round(1)  # a threshold that is a number of another clip
    return x, y


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_depth": 3},
        {"min_samples_leaf": 4, "max_features": 0.5},
        {"max_features": None, "n_estimators": 1},
    ],
)
@pytest.mark.parametrize("n_classes", [2, 7])
def test_it_answers_what_scikit_learn_does(settings, n_classes):
    settings = {"n_estimators": 20, **settings}
    (x, y), (new, _) = clips(90, n_classes), clips(400, n_classes, seed=1)
    weights = dict(enumerate(np.linspace(0.5, 2, n_classes).tolist()))
    network = RandomForest(n_classes, **settings)
    network.fit(x, y, 3, weights)
    theirs = RandomForestClassifier(**settings, class_weight=weights, random_state=3).fit(x, y)
    for each in (x, new):
        expected = theirs.predict_proba(each)
        torch.testing.assert_close(
            network.probabilities(torch.from_numpy(each)).numpy(), expected, atol=1e-12, rtol=0
        )
        logits = network.answer(torch.from_numpy(each))
        np.testing.assert_allclose(logits.softmax(1).numpy(), expected, atol=1e-6, rtol=0)


def test_a_class_without_clips_is_never_the_answer_and_yet_not_impossible():
    x, y = clips(60, 3)
    network = RandomForest(4, n_estimators=10)
    network.fit(x, np.array([0, 1, 3])[y], seed=0)
    logits = network.answer(torch.from_numpy(x))
    assert logits.shape == (60, 4) and logits.isfinite().all()
    assert (logits.argmax(1) != 2).all()
    assert logits[:, 2].exp().max() == pytest.approx(LEAST, rel=1e-5)


def test_its_numbers_are_all_in_its_state(tmp_path):
    x, y = clips(60, 3)
    fitted, other = RandomForest(3, n_estimators=10), RandomForest(3)
    fitted.fit(x, y, seed=0)
    torch.save(fitted.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(fitted.answer(torch.from_numpy(x)), other.answer(torch.from_numpy(x)))


def test_seed_and_threads():
    (x, y), before = clips(60, 3), torch.get_num_threads()
    networks = [RandomForest(3, n_estimators=10) for _ in range(3)]
    networks[0].fit(x, y, seed=1)
    networks[1].fit(x, y, seed=2)
    torch.set_num_threads(2)
    try:
        networks[2].fit(x, y, seed=1)
    finally:
        torch.set_num_threads(before)
    answers = [network.answer(torch.from_numpy(x)) for network in networks]
    assert torch.equal(answers[0], answers[2]) and not torch.equal(answers[0], answers[1])


def test_a_part_of_1_is_all_features_however_it_is_spelt():
    x, y = clips(60, 3)
    answers = []
    for part in (1, 1.0, None):
        network = RandomForest(3, n_estimators=5, max_features=part)
        network.fit(x, y, 3)
        answers.append(network.probabilities(torch.from_numpy(x)).numpy())
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])

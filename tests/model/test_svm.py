import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from esc50.errors import UserError
from esc50.model.svm import SupportVectorMachine
from tests.model.test_forest import clips


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        ({}, [SVC(C=0.1, kernel="linear")]),
        (
            {"c": 2.0, "kernel": "rbf", "standardise": True},
            [StandardScaler(), SVC(C=2.0, gamma=1 / 6)],
        ),
        ({"kernel": "rbf", "gamma": 0.3}, [SVC(C=0.1, gamma=0.3)]),
    ],
)
def test_it_answers_what_scikit_learn_does(n_classes, settings, theirs):
    (x, y), (new, _) = clips(90, n_classes), clips(400, n_classes, seed=1)
    network = SupportVectorMachine(n_classes, **settings)
    network.fit(x, y, seed=3)
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    reference = CalibratedClassifierCV(
        make_pipeline(*theirs), method="temperature", cv=folds, ensemble=False
    ).fit(x.astype(np.float64), y)
    for each in (x, new):
        expected = reference.predict_proba(each.astype(np.float64))
        logits = network.answer(torch.from_numpy(each))
        np.testing.assert_allclose(logits.softmax(1).numpy(), expected, atol=1e-6, rtol=0)


def test_class_weights_are_those_of_the_classes_that_are_there():
    x, y = clips(90, 3)
    labels, weights = np.array([0, 2, 3])[y], {0: 1.0, 2: 5.0, 3: 0.2}
    network = SupportVectorMachine(4)
    network.fit(x, labels, 0, weights)
    machine = SVC(C=0.1, kernel="linear", class_weight=weights, break_ties=True).fit(x, labels)
    assert (network.answer(torch.from_numpy(x)).argmax(1).numpy() == machine.predict(x)).all()


def test_its_best_class_is_the_machines_own():
    (x, y), (new, _) = clips(90, 7), clips(400, 7, seed=1)
    network = SupportVectorMachine(7)
    network.fit(x, y, seed=0)
    machine = SVC(C=0.1, kernel="linear", break_ties=True).fit(x, y)
    assert (network.answer(torch.from_numpy(new)).argmax(1).numpy() == machine.predict(new)).all()


def test_its_numbers_are_all_in_its_state(tmp_path):
    x, y = clips(60, 3)
    fitted, other = SupportVectorMachine(4), SupportVectorMachine(4)
    fitted.fit(x, y, seed=0)  # the last class has no clip
    torch.save(fitted.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    answer = other.answer(torch.from_numpy(x))
    assert torch.equal(fitted.answer(torch.from_numpy(x)), answer)
    assert answer.isfinite().all() and (answer.argmax(1) != 3).all()


def test_a_class_of_one_clip_is_refused_in_a_sentence():
    x, y = clips(60, 3)
    y[y == 2] = np.where(np.arange((y == 2).sum()) == 0, 2, 1)
    with pytest.raises(UserError, match="two training clips of each class"):
        SupportVectorMachine(3).fit(x, y, seed=0)

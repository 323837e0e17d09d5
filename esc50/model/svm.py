"""scikit-learn's support vector machine as a network of arrays."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from esc50.errors import UserError
from esc50.model.fitted import FittedNetwork

FOLDS = 5  # of the training clips, for the temperature


class SupportVectorMachine(FittedNetwork):
    """A support vector machine on the statistics of each clip, one for each pair of classes.

    `SVC.decision_function` (the votes of the pairs, ties broken by their distances) times a factor
    by which its softmax is as sure as it should be: `CalibratedClassifierCV(method="temperature")`,
    which finds it by cross-validation on the training clips.
    """

    present: Tensor  # int64 (k,): the classes that have training clips
    mean: Tensor  # float64 (n,): the description less this,
    scale: Tensor  # float64 (n,): divided by this, is what the vectors are compared with
    vectors: Tensor  # float64 (vectors, n)
    owner: Tensor  # int64 (vectors,): the class of each, counted among those that are present
    dual: Tensor  # float64 (k - 1, vectors): weight of each against each other class
    intercept: Tensor  # float64 (k * (k - 1) / 2,): by pair, in the order (0, 1), (0, 2), ...
    width: Tensor  # float64 (): gamma of the kernel exp(-gamma * distance^2)
    factor: Tensor  # float64 (): one over the temperature

    def __init__(
        self,
        n_classes: int,
        c: float = 0.1,
        kernel: str = "linear",
        gamma: float | None = None,
        standardise: bool = False,
    ):
        """Take the settings.

        Args:
            n_classes: outputs.
            c: SVC's C, the price of a training clip on the wrong side.
            kernel: linear or rbf.
            gamma: of rbf; None: one over the number of statistics and their variance.
            standardise: whether each statistic is scaled to mean 0 and variance 1 first.
        """
        super().__init__(n_classes)
        self.c, self.kernel, self.gamma = c, kernel, gamma
        self.standardise = standardise
        for name in ("mean", "scale", "vectors", "dual", "intercept", "width", "factor"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        for name in ("present", "owner"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int64))

    @property
    def is_fitted(self) -> bool:
        """Whether there are classes to tell apart."""
        return len(self.present) > 0

    def fit(
        self, x: np.ndarray, y: np.ndarray, seed: int, weights: Mapping[int, float] | None = None
    ) -> None:
        """Find the support vectors, then the temperature."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.model_selection import StratifiedKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        present, targets = np.unique(y, return_inverse=True)
        folds = min(FOLDS, int(np.bincount(targets).min()))
        if folds < 2:
            raise UserError(
                "a support vector machine takes two training clips of each class at the least, of "
                "which one tells how sure it may be: leave that class out, or use "
                "model=random_forest"
            )
        scaler = StandardScaler(with_mean=self.standardise, with_std=self.standardise)
        scaled = scaler.fit_transform(x.astype(np.float64))
        width = self.gamma or 1 / (scaled.shape[1] * scaled.var() or 1)
        counts = weights and {place: weights[label] for place, label in enumerate(present.tolist())}
        machine = SVC(C=self.c, kernel=self.kernel, gamma=width, class_weight=counts)
        drawn = StratifiedKFold(folds, shuffle=True, random_state=seed)
        calibrated = CalibratedClassifierCV(
            make_pipeline(scaler, machine), method="temperature", cv=drawn, ensemble=False
        )
        calibrated.fit(x.astype(np.float64), targets)
        (made,) = calibrated.calibrated_classifiers_
        scaler, machine = made.estimator
        n, k = x.shape[1], len(present)
        self.mean = _real(scaler.mean_ if self.standardise else np.zeros(n))
        self.scale = _real(scaler.scale_ if self.standardise else np.ones(n))
        self.vectors, self.dual = _real(machine.support_vectors_), _real(machine.dual_coef_)
        self.intercept, self.width = _real(machine.intercept_), _real(width)
        self.factor = _real(made.calibrators[0].beta_)
        self.owner = torch.from_numpy(np.repeat(np.arange(k), machine.n_support_))
        self.present = torch.from_numpy(present)

    def probabilities(self, described: Tensor) -> Tensor:
        """Descriptions float32 (batch, n) to float64 probabilities (batch, classes)."""
        known = (self.factor * self._decisions(described)).softmax(1)
        probabilities = known.new_zeros(known.shape[0], self.n_classes)
        return probabilities.index_copy(1, self.present, known)

    def _decisions(self, described: Tensor) -> Tensor:
        """Float64 (batch, k): see `SVC.decision_function`; of two classes (-d, d)."""
        x = (described.to(self.mean.dtype) - self.mean) / self.scale
        if self.kernel == "linear":
            likeness = x @ self.vectors.T
        else:
            likeness = (-self.width * torch.cdist(x, self.vectors).square()).exp()
        k = len(self.present)
        by_owner = torch.nn.functional.one_hot(self.owner, k).to(x.dtype)
        # (batch, k - 1, k): what the vectors of a class say against each other one
        sums = (likeness[:, None] * self.dual) @ by_owner
        i, j = torch.triu_indices(k, k, 1, device=x.device)
        pairs = sums[:, j - 1, i] + sums[:, i, j] + self.intercept
        if k == 2:  # scikit-learn turns the sign of two classes alone
            return torch.cat([-pairs, pairs], 1)
        first, second = (torch.nn.functional.one_hot(one, k).to(x.dtype) for one in (i, j))
        lost = (pairs < 0).to(x.dtype)
        votes = (1 - lost) @ first + lost @ second
        distance = pairs @ (first - second)
        return votes + distance / (3 * (distance.abs() + 1))


def _real(numbers: np.ndarray | float) -> Tensor:
    return torch.as_tensor(np.asarray(numbers, np.float64))

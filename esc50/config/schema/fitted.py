"""Models that are fitted to all training clips at once: their settings, and what says nothing."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from esc50.config.hardware import FULL_NAMES
from esc50.config.schema.sections import FromOne, ModelSettings, ModelUse
from esc50.config.schema.settings import Settings
from esc50.errors import UserError

Positive = Annotated[float, Field(gt=0)]
Part = Annotated[float, Field(gt=0, le=1)]


class ForestSettings(Settings):
    """The keys of conf/model/random_forest.yaml."""

    n_estimators: FromOne
    max_depth: FromOne | None
    min_samples_leaf: FromOne
    max_features: Literal["sqrt", "log2"] | Part | None


class SvmSettings(Settings):
    """The keys of conf/model/svm.yaml."""

    c: Positive
    kernel: Literal["linear", "rbf"]
    gamma: Positive | None
    standardise: bool

    @model_validator(mode="after")
    def _check_gamma(self) -> Self:
        if self.kernel == "linear" and self.gamma is not None:
            raise ValueError(
                f"model.gamma={self.gamma} says nothing of model.kernel=linear: leave it out, or "
                "set model.kernel=rbf"
            )
        return self


FITTED: dict[str, type[Settings]] = {
    "esc50.model.forest.RandomForest": ForestSettings,
    "esc50.model.svm.SupportVectorMachine": SvmSettings,
}


def model_settings(section: Any) -> type[Settings]:
    """The settings that the keys of a `model` section are checked by, whatever it holds."""
    target = str(section.get("_target_")) if isinstance(section, Mapping) else ""
    return FITTED.get(target) or (ModelSettings if target.startswith("esc50.") else ModelUse)


# Settings of learning step by step, and the value of each that a fitted model can do with; None:
# nothing, which is `none` of a group of choices.
STEPS = {
    "optimizer": None,
    "scheduler": None,
    "label_smoothing": 0.0,
    "teachers": None,
    "ckpt_path": None,
    "trainer.max_epochs": 1,
    "trainer.accelerator": "cpu",  # where scikit-learn computes
    "trainer.devices": 1,
    "trainer.precision": "32-true",
    "trainer.gradient_clip_val": None,
    "trainer.accumulate_grad_batches": 1,
    "callbacks.early_stopping": None,
    "callbacks.learning_rate": None,
    "callbacks.average": None,
}


def check_fitted(values: Mapping[str, Any]) -> None:
    """Refuse what a model that is fitted at once would leave unread.

    Args:
        values: a whole config in plain dictionaries.

    Raises:
        UserError: naming the key.
    """
    for key, needed in STEPS.items():
        section, _, leaf = key.partition(".")
        value = values[section].get(leaf) if leaf else values[section]
        if FULL_NAMES.get(str(value), value) == needed or not (value or needed):
            continue
        name = str(values["model"].get("_target_")).rpartition(".")[2]
        shown = value.get("_target_", "null") if isinstance(value, dict) else value
        nothing = "none" if key in ("optimizer", "scheduler") else "null"
        raise UserError(
            f"{key}={shown} says nothing to {name}, which is fitted to all clips at once instead of"
            f" learning by steps: set {key}={nothing if needed is None else needed}"
            " (+experiment=classical sets all that goes with it)"
        )

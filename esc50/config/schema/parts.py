"""What optimisers, schedulers and callbacks in conf/ take, known before they are imported."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from esc50.config.schema.sections import Fraction, FromOne, NotNegative, OptimizerSettings, Text
from esc50.config.schema.settings import Settings
from esc50.errors import UserError

PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
NO_CHECKPOINT = "callbacks.last=null leaves no checkpoint to test: only callbacks.best may be null"
FromZero = Annotated[int, Field(ge=0)]
BelowOne = Annotated[float, Field(ge=0, lt=1, description="a number of at least 0 and less than 1")]


class AdamSettings(OptimizerSettings):
    """The keys of conf/optimizer/adam.yaml and adamw.yaml."""

    lr: NotNegative = 1e-3
    weight_decay: NotNegative = 0.0


class SgdSettings(AdamSettings):
    """The keys of conf/optimizer/sgd.yaml."""

    momentum: NotNegative = 0.0
    dampening: float = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _check_nesterov(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                "optimizer.nesterov=true takes an optimizer.momentum above 0 and no dampening: set "
                "optimizer.nesterov=false"
            )
        return self


class PartSettings(Settings):
    """Of what is checked here in part: other arguments are checked by the target's signature."""

    model_config = ConfigDict(extra="allow")


class SchedulerSettings(PartSettings):
    """What all schedulers have in common."""

    interval: Literal["step", "epoch"] = "epoch"


class OneCycleSettings(SchedulerSettings):
    """The keys of conf/scheduler/onecycle.yaml."""

    max_lr: NotNegative | list[NotNegative]
    total_steps: FromOne | None = None
    pct_start: BelowOne = 0.3


class CosineSettings(SchedulerSettings):
    """The keys of conf/scheduler/cosine.yaml."""

    T_max: FromOne
    eta_min: float = 0.0


class PlateauSettings(PartSettings):
    """The keys of conf/scheduler/plateau.yaml."""

    mode: Literal["min", "max"] = "min"
    factor: BelowOne = 0.1
    patience: FromZero = 10
    interval: Literal["epoch"] = "epoch"


class BestSettings(PartSettings):
    """The keys of `callbacks.best`."""

    save_top_k: Annotated[Literal[1], Field(description="1, since one epoch is tested")] = 1


class LastSettings(PartSettings):
    """The keys of `callbacks.last`."""

    max_time_fraction: Fraction
    keep_optimizer: bool = True


class EarlyStoppingSettings(PartSettings):
    """The keys of `callbacks.early_stopping`."""

    monitor: Text
    patience: FromZero = 3
    min_delta: float = 0.0


class LearningRateSettings(PartSettings):
    """The keys of `callbacks.learning_rate`."""

    logging_interval: Literal["epoch", "step"] | None = None


class AverageSettings(PartSettings):
    """The keys of `callbacks.average`."""

    decay: BelowOne


class ImageSettings(PartSettings):
    """The keys of `callbacks.images`."""

    n_clips: FromOne
    n_mistakes: FromZero = 0


SETTINGS: dict[str, type[Settings]] = {
    "torch.optim.Adam": AdamSettings,
    "torch.optim.AdamW": AdamSettings,
    "torch.optim.SGD": SgdSettings,
    "torch.optim.lr_scheduler.OneCycleLR": OneCycleSettings,
    "torch.optim.lr_scheduler.CosineAnnealingLR": CosineSettings,
    PLATEAU: PlateauSettings,
    "esc50.training.callbacks.MovableCheckpoint": BestSettings,
    "esc50.training.callbacks.LastCheckpoint": LastSettings,
    "esc50.training.callbacks.EarlyStopping": EarlyStoppingSettings,
    "pytorch_lightning.callbacks.LearningRateMonitor": LearningRateSettings,
    "esc50.training.callbacks.WeightAverage": AverageSettings,
    "esc50.training.tensorboard.ImageLogger": ImageSettings,
}


def check_parts(values: Mapping[str, Any]) -> None:
    """Refuse values that an optimiser, scheduler or callback cannot do with.

    Args:
        values: a whole config in plain dictionaries.

    Raises:
        UserError: naming the key.
    """
    for name, section, settings in part_settings(values):
        if section and not isinstance(section, Mapping):
            raise UserError(f"{name}={section} is invalid: it takes a section with a _target_")
        if section:
            settings.parse(name, section)


def part_settings(values: Mapping[str, Any]) -> list[tuple[str, Any, type[Settings]]]:
    """List the name of each optimiser, scheduler and callback, its section, and its settings.

    Args:
        values: a whole config in plain dictionaries, or a part of one.
    """
    parts: list[tuple[str, Any, type[Settings]]] = [
        ("optimizer", values.get("optimizer"), OptimizerSettings),
        ("scheduler", values.get("scheduler"), SchedulerSettings),
    ]
    callbacks = values.get("callbacks") or {}
    parts += [(f"callbacks.{key}", part, PartSettings) for key, part in callbacks.items()]
    return [(name, section, _settings(section, otherwise)) for name, section, otherwise in parts]


def _settings(section: Any, otherwise: type[Settings]) -> type[Settings]:
    target = section.get("_target_") if isinstance(section, Mapping) else None
    return SETTINGS.get(str(target), otherwise)


def check_choosing(values: Mapping[str, Any], validates: bool) -> None:
    """Refuse to go by a metric that nothing measures, and to train what nothing keeps.

    Args:
        values: a whole config in plain dictionaries.
        validates: whether there are validation clips.

    Raises:
        UserError: saying what to set.
    """
    scheduler, callbacks = values["scheduler"] or {}, values["callbacks"]
    if scheduler.get("_target_") == PLATEAU and not validates:
        raise UserError(
            f"scheduler=plateau goes by monitor={values['monitor']}, which nothing measures without"
            " validation clips: choose scheduler=onecycle, cosine or none"
        )
    best = callbacks.get("best")
    if not callbacks.get("last") and not (best and (validates or not best.get("monitor"))):
        raise UserError(NO_CHECKPOINT)

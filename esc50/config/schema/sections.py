"""Typed settings of the sections that belong to no room: the top level, trainer, optimizer."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from esc50.config.schema.settings import Settings
from esc50.config.typed import expand_home

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
FromOne = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
# Of a training, validation or test set: a part of it, or a number of batches.
Limit = Annotated[float, Field(gt=0, le=1)] | FromOne | None
NAME = r"^[^/\\\x00-\x1f\x7f-\x9f]+$"  # a folder is called so, and a terminal shows it
NAMED = "1 to 100 characters, none of them /, \\ or a control character"
# Hydra makes the run's folder before settings are checked: a ~ that is left by then is its name.
OUTPUT = "a folder, by its whole path where a config file names it: ~ is for command lines"
# Metrics that every run with validation clips has: one of them chooses the epoch.
VALIDATED = ("val/loss", "val/acc", "val/f1_macro", "val/acc_balanced", "val/acc_category5")
LENGTH = "is not how long a run is: set trainer.max_epochs, by which schedules go too"
OURS = "is set by the run itself: see the groups callbacks and logger"
# Arguments of Lightning's Trainer that a run of this package cannot do with, and why.
REFUSED = {
    "fast_dev_run": "keeps no checkpoint that could be tested: use +debug=one_batch",
    "barebones": "keeps no checkpoint that could be tested: leave it out",
    "enable_checkpointing": "is always true: the epoch that is tested is a checkpoint",
    "num_nodes": "is always 1: a run has one machine",
    "use_distributed_sampler": "is always false: the data module shares batches out",
    "plugins": "is set by the run itself, which writes its checkpoints whole or not at all",
    "default_root_dir": "is the run's folder: set output_dir or hydra.run.dir",
    **dict.fromkeys(("callbacks", "logger"), OURS),
    **dict.fromkeys(("max_steps", "min_steps", "max_time"), LENGTH),
}
TEACHERS = "a list of checkpoints or folders of finished runs, or null"
PRECISIONS = Literal[
    "auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true",
    "transformer-engine", "32", "16", "bf16", "64", 16, 32, 64,
]  # fmt: skip


class TrialSettings(Settings):
    """Which trial of which search a run is."""

    study: Text | None
    number: Annotated[int, Field(ge=0)] | None


class RunSettings(Settings):
    """The keys of conf/train.yaml itself."""

    name: Annotated[str, Field(pattern=NAME, min_length=1, max_length=100, description=NAMED)]
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    batch_size: FromOne
    label_smoothing: Fraction
    teachers: Annotated[
        Annotated[list[Text], Field(min_length=1)] | None, Field(description=TEACHERS)
    ]
    teacher_weight: Fraction | None
    class_weights: Literal["balanced"] | None
    input_mean: float
    input_std: Annotated[float, Field(ge=1e-6)]
    monitor: Text
    ckpt_path: Text | None
    rerun: bool
    report: bool
    output_dir: Annotated[str, Field(pattern=r"^\s*[^~\s]", description=OUTPUT)]
    jobs_per_gpu: FromOne


class TrainerSettings(Settings):
    """Arguments of Lightning's Trainer that can be checked before it is imported."""

    model_config = ConfigDict(extra="allow")

    max_epochs: FromOne
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu", "hpu"]
    devices: FromOne | Literal["auto"]
    strategy: Literal["auto", "ddp"] = "auto"
    precision: PRECISIONS
    deterministic: bool | Literal["warn"]
    gradient_clip_val: Annotated[float, Field(gt=0)] | None
    accumulate_grad_batches: FromOne
    log_every_n_steps: FromOne
    num_sanity_val_steps: Annotated[int, Field(ge=-1)]
    check_val_every_n_epoch: FromOne
    limit_train_batches: Limit
    limit_val_batches: Limit
    limit_test_batches: Limit
    overfit_batches: Fraction | FromOne
    enable_progress_bar: bool
    enable_model_summary: bool
    profiler: Literal["simple", "advanced", "pytorch"] | None

    @model_validator(mode="after")
    def _check_added(self) -> Self:
        for key in self.model_extra or {}:
            if key in REFUSED:
                raise ValueError(f"trainer.{key} {REFUSED[key]}")
        return self


def _as_text(value: object) -> object:
    """A path as text, with the home folder that a leading ~ stands for."""
    return expand_home(value) if isinstance(value, str | os.PathLike) else value


FolderPath = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class DataSettings(Settings):
    """The keys of every `data` section that are not the data set's own.

    Attributes:
        cache_dir: folder of computed features, and of folds that were made.
        workers: threads that build the cache; None: one per core.
        folds: how many are made where the data set has none.
        fold_seed: of making them.
        windows: seconds from one window of a long recording to the next; None: its beginning alone.
        sampler: balanced: training sees each class equally often; None: each clip.
    """

    cache_dir: FolderPath
    workers: FromOne | None = None
    folds: Annotated[int, Field(ge=2, le=1000)] = 5
    fold_seed: Annotated[int, Field(ge=0)] = 0
    windows: Annotated[float, Field(ge=0.01)] | None = None
    sampler: Literal["balanced"] | None = None

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Pick them out of a section. Raises UserError where one is wrong."""
        return cls.parse("data", {key: section[key] for key in cls.model_fields if key in section})

    @classmethod
    def without(cls, section: Mapping[str, Any]) -> dict[str, Any]:
        """Pick the others: what the data set itself is made of."""
        # ??? stands for a value that must be given.
        return {k: v for k, v in section.items() if k not in cls.model_fields and v != "???"}


class ModelUse(Settings):
    """What a run does with a network, whatever it is."""

    train: Literal["head", "all"] | FromOne | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    front_end: Text | None = None
    pretrained_on: Text | None = None
    licence: Text | None = None


class ModelSettings(ModelUse):
    """What this package's own networks take; a network of one's own is checked by its signature."""

    model_config = ConfigDict(extra="allow")

    name: Text | None = None
    weights: Text | None = None
    head_width: FromOne | None = None
    width: FromOne | None = None
    stem_stride: (
        Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=2, max_length=2)] | None
    ) = None


class OptimizerSettings(Settings):
    """What optimisers have in common; others of their arguments are checked by their signature."""

    model_config = ConfigDict(extra="allow")

    lr: NotNegative | None = None
    weight_decay: NotNegative | None = None

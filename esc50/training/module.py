"""Builds the LightningModule that a config describes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from esc50.config.schema.fitted import check_fitted
from esc50.config.targets import build, check_target, locate, refusals
from esc50.data.datamodule import ESC50DataModule
from esc50.data.notices import notice
from esc50.errors import UserError
from esc50.model.fitted import FittedNetwork
from esc50.model.lightning.class_weights import balanced_weights
from esc50.model.lightning.classifier import Classifier, Objective, Schedule
from esc50.model.lightning.fitted_classifier import FittedClassifier
from esc50.model.lightning.teachers import WEIGHT
from esc50.model.network import build_network, check_network, check_weights_had
from esc50.model.pretrained.front_end import check_features
from esc50.model.pretrained.head import blocks, freeze, parameter_groups
from esc50.training.teachers import load_teachers

OBJECTIVE = ("label_smoothing", "input_mean", "input_std")


def check_module(plain: Mapping[str, Any]) -> None:
    """Refuse a network, optimiser or scheduler whose arguments do not fit, before data is read."""
    check_network(plain["model"])
    if _is_fitted(plain):
        check_fitted(plain)
        return
    check_weights_had(plain["model"])  # so that a hub which does not answer is asked once
    check_features(plain)
    decay, rate = plain["model"].get("layer_decay"), plain["optimizer"].get("lr")
    if decay is not None and rate is None:
        raise UserError(
            f"model.layer_decay={decay} begins with the last layer's learning rate, which is not "
            "there: give it as optimizer.lr=..."
        )
    check_target("optimizer", plain["optimizer"], {"params": None})
    if plain["scheduler"]:
        check_target("scheduler", _of_scheduler(plain["scheduler"]), {"optimizer": None})


def build_module(
    plain: Mapping[str, Any],
    data: ESC50DataModule,
    about: Mapping[str, Any],
    teachers: Sequence[Path] = (),
    device: str | torch.device = "cpu",
) -> Classifier:
    """Build the network, and what trains it, that a config describes.

    Args:
        plain: the config in plain dictionaries.
        data: the clips whose classes are learnt, and what their features are.
        about: what a checkpoint says of the run beside classes, features and config.
        teachers: checkpoints of the networks that teach it.
        device: where these answer.
    """
    table, spec = data.table, data.spec
    n_classes = len(table.classes)
    if n_classes < 2:
        raise UserError(f"{table.root} has one class, {table.classes[0]}: two are needed")
    if plain["monitor"] == "val/acc_category5" and table.categories5 is None:
        raise UserError("monitor=val/acc_category5 takes the classes of ESC-50: use val/acc")
    channels, size = spec.shape[0], spec.shape[1:]
    network = build_network(plain["model"], n_classes, size, channels)
    _warn_of_known_classes(network, table.classes, plain["model"])
    listed = _blocks(plain["model"], network, (1, *spec.shape))
    freeze(network, plain["model"].get("train"), listed)
    categories = None if table.categories5 is None else table.categories5.tolist()
    scales = {key: plain[key] for key in OBJECTIVE}
    weight = WEIGHT if plain["teacher_weight"] is None else plain["teacher_weight"]
    taught = load_teachers(teachers, weight, data, device)
    weights = _class_weights(plain, data)
    objective = Objective(n_classes, categories, weights, teachers=taught, **scales)
    specification = {
        **about,
        "classes": list(table.classes),
        "class_labels": table.class_labels.tolist(),
        "features": plain["features"],
        "config": plain,
    }
    if isinstance(network, FittedNetwork):
        return FittedClassifier(network, objective, plain["seed"], specification)
    if isinstance(architecture := getattr(network, "architecture", None), dict):
        specification["architecture"] = architecture
    optimizer = _optimizer(plain, network, listed)
    return Classifier(network, objective, optimizer, _schedule(plain), specification)


def _is_fitted(plain: Mapping[str, Any]) -> bool:
    target = locate("model", plain["model"].get("_target_"))
    return isinstance(target, type) and issubclass(target, FittedNetwork)


def _warn_of_known_classes(
    network: nn.Module, classes: Sequence[str], section: Mapping[str, Any]
) -> None:
    """Say of a network of the hub that it was made for these classes, perhaps of these clips.

    No audit can see that: its folder does not say which clips it has learnt from.
    """
    labels = getattr(network, "architecture", {}).get("id2label") or {}

    def plain_names(names: Iterable[str]) -> set[str]:
        return {str(name).casefold().replace("_", " ").replace("-", " ") for name in names}

    if plain_names(labels.values()) == plain_names(classes):
        notice(
            f"model.weights={section.get('weights')} answers for these very classes: if it has "
            "learnt from these clips, none of them tests it; model.pretrained_on=... says what "
            "it was"
        )


def _blocks(
    section: Mapping[str, Any], network: nn.Module, shape: tuple[int, ...]
) -> list[list[str]] | None:
    """The network's blocks in the order of their use; None where nothing goes by their order."""
    ordered = section.get("layer_decay") is not None or isinstance(section.get("train"), int)
    return blocks(network, torch.zeros(shape)) if ordered else None


def _optimizer(
    plain: Mapping[str, Any], network: nn.Module, listed: list[list[str]] | None
) -> Callable[[Iterable[nn.Parameter]], Optimizer]:
    """What makes the optimiser; with `model.layer_decay`, of groups with rates of their own."""
    values, trainer = {**plain["optimizer"], "_partial_": True}, plain["trainer"]
    clips = trainer["gradient_clip_val"] and str(trainer["precision"]).endswith("-mixed")
    if clips and values.get("fused"):
        values["fused"] = None  # Lightning takes every fused one for one that scales by itself
    decay = plain["model"].get("layer_decay")

    def make(parameters: Iterable[Any]) -> Optimizer:
        if decay is not None:
            parameters = parameter_groups(network, decay, values["lr"], listed)
        with refusals("optimizer", values):
            optimizer: Optimizer = build("optimizer", values)(parameters)
        return optimizer

    return make


def _class_weights(plain: Mapping[str, Any], data: ESC50DataModule) -> list[float] | None:
    """What the loss counts each class as, by the training side's items alone; None: all alike."""
    if plain["class_weights"] is None:
        return None
    targets = data.prepared.targets.numpy()[data.split.train]
    return balanced_weights(targets, len(data.table.classes)).tolist()


def _schedule(plain: Mapping[str, Any]) -> Schedule | None:
    section = plain["scheduler"]
    if not section:
        return None
    interval, epochs = section.get("interval", "epoch"), plain["trainer"]["max_epochs"]

    def make(optimizer: Optimizer, steps: int) -> LRScheduler:
        values = {**_of_scheduler(section), "_partial_": True}
        if "total_steps" in values and values["total_steps"] is None:
            values["total_steps"] = steps
        needed = steps if interval == "step" else epochs
        if (total := values.get("total_steps", needed)) < needed:
            raise UserError(
                f"scheduler.total_steps={total} is less than the {needed} that this run takes: set "
                "that many, or null"
            )
        if abs(values.get("pct_start", 0) * values.get("total_steps", 0) - 1) < 1e-9:
            values["pct_start"] += 1e-9  # OneCycleLR divides by nothing where it warms up one step
        scales = [group.get("lr_scale", 1.0) for group in optimizer.param_groups]
        if "max_lr" in values and len(scales) > 1:
            values["max_lr"] = [section["max_lr"] * scale for scale in scales]
        with refusals("scheduler", values):
            scheduler: LRScheduler = build("scheduler", values)(optimizer=optimizer)
        return scheduler

    return Schedule(make, interval, plain["monitor"])


def _of_scheduler(section: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduler's section without the key that is Lightning's."""
    return {key: value for key, value in section.items() if key != "interval"}

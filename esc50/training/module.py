"""Builds the LightningModule that a config describes."""

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from esc50.config.fitted import check_fitted
from esc50.config.targets import build, check_target, locate
from esc50.data.table import ClipTable
from esc50.errors import UserError
from esc50.model.classifier import Classifier, Objective, Schedule
from esc50.model.fitted import FittedClassifier, FittedNetwork
from esc50.model.network import build_network

OBJECTIVE = ("label_smoothing", "input_mean", "input_std")


def check_module(plain: Mapping[str, Any]) -> None:
    """Refuse a network, optimiser or scheduler whose arguments do not fit, before data is read."""
    check_target("model", plain["model"], dict.fromkeys(("n_classes", "num_classes", "size")))
    if _is_fitted(plain):
        check_fitted(plain)
        return
    check_target("optimizer", plain["optimizer"], {"params": None})
    if plain["scheduler"]:
        check_target("scheduler", _of_scheduler(plain["scheduler"]), {"optimizer": None})


def build_module(
    plain: Mapping[str, Any], table: ClipTable, size: tuple[int, int], about: Mapping[str, Any]
) -> Classifier:
    """Build the network, and what trains it, that a config describes.

    Args:
        plain: the config in plain dictionaries.
        table: the clips whose classes are learnt.
        size: height and width of the input.
        about: what a checkpoint says of the run beside classes, features and config.
    """
    n_classes = len(table.classes)
    if n_classes < 2:
        raise UserError(f"{table.root} has one class, {table.classes[0]}: two are needed")
    if plain["monitor"] == "val/acc_category5" and table.categories5 is None:
        raise UserError("monitor=val/acc_category5 takes the classes of ESC-50: use val/acc")
    network = build_network(plain["model"], n_classes, size)
    categories = None if table.categories5 is None else table.categories5.tolist()
    objective = Objective(n_classes, categories, **{key: plain[key] for key in OBJECTIVE})
    specification = {
        **about,
        "classes": list(table.classes),
        "class_labels": table.class_labels.tolist(),
        "features": plain["features"],
        "config": plain,
    }
    if isinstance(network, FittedNetwork):
        return FittedClassifier(network, objective, plain["seed"], specification)
    optimizer = build("optimizer", {**plain["optimizer"], "_partial_": True})
    return Classifier(network, objective, optimizer, _schedule(plain), specification)


def _is_fitted(plain: Mapping[str, Any]) -> bool:
    target = locate("model", plain["model"].get("_target_"))
    return isinstance(target, type) and issubclass(target, FittedNetwork)


def _schedule(plain: Mapping[str, Any]) -> Schedule | None:
    section = plain["scheduler"]
    if not section:
        return None
    values = {**_of_scheduler(section), "_partial_": True}

    def make(optimizer: Optimizer, steps: int) -> LRScheduler:
        if "total_steps" in values and values["total_steps"] is None:
            values["total_steps"] = steps
        if abs(values.get("pct_start", 0) * values.get("total_steps", 0) - 1) < 1e-9:
            values["pct_start"] += 1e-9  # OneCycleLR divides by nothing where it warms up one step
        scheduler: LRScheduler = build("scheduler", values)(optimizer=optimizer)
        return scheduler

    return Schedule(make, section.get("interval", "epoch"), plain["monitor"])


def _of_scheduler(section: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduler's section without the key that is Lightning's."""
    return {key: value for key, value in section.items() if key != "interval"}

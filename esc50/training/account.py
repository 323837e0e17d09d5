"""What checkpoints and results.json say of a run, beside what was measured."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from esc50.config.hardware import processor
from esc50.data.datamodule import ESC50DataModule
from esc50.results.run_folder import provenance
from esc50.training.checkpoints import Origin

# Keys that results.json has whatever was measured.
NOT_MEASURED = dict.fromkeys(
    ("train/acc", "val/acc", "val/loss", "val/f1_macro", "val/acc_balanced", "test/acc_category5")
)


def describe(
    plain: Mapping[str, Any], data: ESC50DataModule, identity: Mapping[str, Any], before: Origin
) -> dict[str, Any]:
    """Say what a run is, before it is trained: checkpoints hold it, and results.json.

    Args:
        plain: the config in plain dictionaries, `trainer.precision` resolved.
        data: the data module, set up.
        identity: what must agree with another run for it to be the same one.
        before: where the starting weights come from.
    """
    return {
        **identity,
        "experiment": plain["name"],
        "protocol": plain["split"]["protocol"],
        "leaky": data.audit.leaky,
        "synthetic": data.table.synthetic,
        "data": data_name(plain["data"]),
        "origin": before.name,
        "pretrained_on": before.pretrained_on,
        "precision": plain["trainer"]["precision"],
        "threads": torch.get_num_threads(),
        "processor": processor(),
    }


def count(data: ESC50DataModule) -> dict[str, int]:
    """Count classes, and the items on each side of the split."""
    split = data.split
    return {
        "n_classes": len(data.table.classes),
        "n_train": len(split.train),
        "n_train_clips": len(set(split.clip_of[split.train].tolist())),
        "n_val": len(split.val),
        "n_test": len(split.test),
    }


def close(data: ESC50DataModule, folder: Path, trainer: pl.Trainer) -> dict[str, Any]:
    """Say of a run that is over when, where and on what it was made."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "audit": data.audit.sentence,
        "device": _device(trainer),
        "run_dir": str(folder.resolve()),
        **provenance(),
    }


def data_name(section: Mapping[str, Any]) -> str:
    """Name a data set for people: the class that opens it, and one's own folder or table."""
    name = str(section["_target_"]).rpartition(".")[2].lower()
    place = section.get({"table": "table", "folder": "root"}.get(name, ""))
    return f"{name}:{Path(place).name}" if place else name


def _device(trainer: pl.Trainer) -> str:
    """Name what the trainer computes on."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name

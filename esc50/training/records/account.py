"""What checkpoints and results.json say of a run, beside what was measured."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from esc50.config.choices import CONF
from esc50.config.hardware import processor
from esc50.config.signature import SECTIONS, WITHOUT_EFFECT
from esc50.data.datamodule import ESC50DataModule
from esc50.data.datasets import data_name
from esc50.report.run.origin import overrides_of
from esc50.results.ledger import NONE
from esc50.results.run_folder import provenance
from esc50.training.resume.checkpoints import Origin
from esc50.training.trainer import device_name

CHOICES_IN_OTHER_COLUMNS = ("data", "split")
IN_OTHER_COLUMNS = ("split.protocol", "trainer.precision", "trainer.accelerator")


def describe(
    plain: Mapping[str, Any], data: ESC50DataModule, identity: Mapping[str, Any], before: Origin
) -> dict[str, Any]:
    """Say what a run is, before it is trained: checkpoints hold it, and results.json.

    Args:
        plain: the config in plain dictionaries, `trainer.precision` resolved.
        data: the data module, set up.
        identity: what must agree with another run for it to be the same one.
        before: where the starting weights come from, and who teaches.
    """
    return {
        **identity,
        "experiment": plain["name"],
        "protocol": plain["split"]["protocol"],
        "leaky": data.audit.leaky,
        "synthetic": data.table.synthetic,
        "data": data_name(plain["data"]),
        "origin": before.name,
        "teachers": before.teachers,
        "pretrained_on": before.pretrained_on,
        "weights_licence": before.licence,
        "overrides": overrides(plain),
        "precision": plain["trainer"]["precision"],
        "threads": torch.get_num_threads(),
        "processor": processor(),
    }


def overrides(plain: Mapping[str, Any]) -> str:
    """Write what a run sets otherwise than the recipe of its name, as typed; "none" if nothing.

    A name that no recipe has is held against the default. Left out is what stands elsewhere in the
    ledger: the data set, the protocol, what it was computed in and on.
    """
    recipe = CONF / "experiment" / f"{plain['name']}.yaml"
    base = [f"+experiment={plain['name']}"] if recipe.is_file() else []
    found = [one for one in overrides_of(plain, base) if _shapes(one.partition("=")[0])]
    return " ".join(found) or NONE


def _shapes(key: str) -> bool:
    key = key.lstrip("+~")
    elsewhere = (*WITHOUT_EFFECT, *IN_OTHER_COLUMNS)
    return (
        key.split(".")[0] in SECTIONS
        and key not in CHOICES_IN_OTHER_COLUMNS
        and not any(f"{key}.".startswith(f"{other}.") for other in elsewhere)
    )


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
        "device": device_name(trainer),
        "run_dir": str(folder.resolve()),
        **provenance(),
    }

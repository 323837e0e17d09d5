"""Tests a finished checkpoint on other clips, with the files and the audit of a run's own test."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from omegaconf import OmegaConf
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MetricCollection

from esc50.atomic import atomic_write_text
from esc50.config.schema.sections import DataSettings, Text
from esc50.config.schema.settings import Settings
from esc50.data.audit import EARLIER, Audit
from esc50.data.cache.digests import clip_digests
from esc50.data.datasets import data_name, open_clips
from esc50.data.features import clip_features, profiles
from esc50.data.tables.table import ClipTable
from esc50.deploy.checkpoints import flags_of
from esc50.deploy.predictor import Predictor
from esc50.deploy.seen import audit_seen, seen_by
from esc50.errors import UserError, printable
from esc50.model.lightning.metrics import make_scores
from esc50.results.display.tables import Table
from esc50.results.labels import joined, label, started_from
from esc50.results.run_folder import (
    EVALUATION,
    keep_aside,
    provenance,
    sole_use,
    write_predictions,
    write_results,
)

STARTED = ("origin", "pretrained_on", "weights_licence")  # what is said of starting weights


class EvaluationSettings(Settings):
    """The keys of conf/evaluate.yaml itself."""

    fold: Annotated[int, Field(ge=0)] | Literal["all"]
    device: Text
    trust: bool
    output_dir: Text


@dataclass(frozen=True)
class TestSet:
    """Clips to test on.

    Attributes:
        table: all clips of the data set, their targets the outputs of the network.
        clips: int64, those that are tested.
        logmels: float32 (clips of the table, channels, height, width).
        audit: whether the network has seen any of them.
    """

    table: ClipTable
    clips: np.ndarray
    logmels: Tensor
    audit: Audit


def evaluate(
    model: Predictor, data: Mapping[str, Any], settings: EvaluationSettings
) -> tuple[dict[str, Any], Path]:
    """Test on the clips of a data set, and leave results.json and predictions.csv in a folder.

    Args:
        model: the network, or an ensemble.
        data: a `data` section.
        settings: which of its clips, and where results go.

    Returns:
        The contents of results.json, and the folder.

    Raises:
        UserError: the data cannot be read, hold classes that the network does not know, or have no
            such fold.
    """
    tested = open_test_set(model, data, settings.fold)
    probabilities, measured = measure(model, tested)
    about = _about(model)
    name = data_name(data)
    results = {
        **about,
        "protocol": EVALUATION,
        "leaky": tested.audit.leaky,
        "synthetic": tested.table.synthetic or about["synthetic"],
        "data": name,
        "fold": None if settings.fold == "all" else settings.fold,
        "n_test": len(tested.clips),
        **measured,
        "audit": _sentence(tested.audit),
        "device": str(model.members[0].device),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance(),
    }
    place = _file_name(f"{name}-fold{settings.fold}")
    folder = Path(settings.output_dir) / "evaluations" / _file_name(about["checkpoint"]) / place
    config = {**settings.model_dump(), "data": dict(data), "checkpoint": about["checkpoint"]}
    with sole_use(folder):
        keep_aside(folder)
        atomic_write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))
        table, clips = tested.table, tested.clips
        write_predictions(
            folder / "predictions.csv",
            [table.filenames[clip] for clip in clips],
            table.folds[clips],
            table.labels[clips],
            probabilities,
            table.classes,
            table.class_labels,
            table.sources[clips],
        )
        write_results(folder, results)
    return results, folder


def open_test_set(model: Predictor, data: Mapping[str, Any], fold: int | str) -> TestSet:
    """Open clips to test on: their table, features and audit. Arguments are those of `evaluate`."""
    storage = DataSettings.of(data)
    cache_dir = Path(storage.cache_dir)
    spec = model.front_end.spec
    table = with_classes_of(model, open_clips(data, spec.seconds, folds=fold != "all"))
    if fold != "all" and fold not in table.fold_numbers:
        there = ", ".join(map(str, table.fold_numbers))
        raise UserError(f"fold={fold} is not a fold of {table.root}: choose one of {there}, or all")
    digests = table.identify(clip_digests(table.paths, cache_dir))
    features = clip_features(table, spec, digests, cache_dir, storage.workers)
    clips = np.flatnonzero((table.folds == fold) | (fold == "all"))
    audit = audit_seen(table, clips, digests, seen_by(model.members), profiles(features))
    return TestSet(table, clips, torch.from_numpy(features["logmel"]), audit)


def with_classes_of(model: Predictor, table: ClipTable) -> ClipTable:
    """Give a table the network's classes, in its order and under its target numbers.

    Raises:
        UserError: naming the classes that the network does not know.
    """
    unknown = [name for name in table.classes if name not in model.classes]
    if unknown:
        raise UserError(
            f"{table.root} holds classes that the checkpoint does not know ({_some(unknown)}): "
            f"it knows {_some(model.classes)}"
        )
    numbers = np.array(model.members[0].specification["class_labels"])
    column = np.array([model.classes.index(name) for name in table.classes])
    labels = numbers[column[table.targets]]
    return replace(table, labels=labels, classes=model.classes, class_labels=numbers)


def measure(model: Predictor, tested: TestSet) -> tuple[np.ndarray, dict[str, Any]]:
    """Compute probabilities (tested clips, classes), and the metrics of a run's test."""
    table = tested.table
    categories = None if table.categories5 is None else table.categories5.tolist()
    scores = MetricCollection(make_scores(len(table.classes), categories), prefix="test/")
    targets = torch.from_numpy(table.targets[tested.clips])
    found, losses = [], []
    size = model.members[0].config["batch_size"]
    for start in range(0, len(targets), size):  # batches as in a run's own test
        pictures = tested.logmels[tested.clips[start : start + size]]
        y = targets[start : start + size]
        with torch.no_grad():
            logits = torch.stack([member.logits(pictures).cpu() for member in model.members])
        probabilities = logits.softmax(-1).mean(0)
        logarithms = logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))
        scores.update(probabilities, y)
        losses.append(F.nll_loss(logarithms, y, reduction="none"))
        found.append(probabilities)
    metrics = {key: value.item() for key, value in scores.compute().items()}
    return torch.cat(found).numpy(), {"test/loss": torch.cat(losses).mean().item(), **metrics}


def evaluation_table(results: Mapping[str, Any]) -> Table:
    """Write what an evaluation measured as a table."""
    fold = "all clips" if results["fold"] is None else f"fold {results['fold']}"
    table = Table(
        printable(f"{results['checkpoint']} on {results['data']}, {fold}{label(results)}", keep=""),
        ["metric", "value"],
        n_names=2,
    )
    for key, value in results.items():
        if key.startswith("test/"):
            table.rows.append([key, f"{value:.4f}{label(results)}"])
    table.rows.append(["tested clips", str(results["n_test"])])
    if start := started_from(results):
        table.rows.append(["started from", printable(start, keep="")])
    return table


def _sentence(audit: Audit) -> str:
    """The audit in one line: the starting weights that it speaks of are here the checkpoint.

    Which of the clips it was trained on and which it was chosen on, the audit does not tell.
    """
    said = audit.sentence.replace(EARLIER, "checkpoint")
    said = said.replace("are in training themselves", "were trained or chosen on themselves")
    unknown = "" if EARLIER in audit.checked else "; what the checkpoint has seen is not known"
    return said + unknown


def _about(model: Predictor) -> dict[str, Any]:
    """What results say of the checkpoint; of an ensemble, what its members have in common."""
    told = [member.specification for member in model.members]
    first = told[0]
    name = f"{first['experiment']}-{first['signature']}"
    if len(told) == 1:
        name += f"-seed{first['seed']}-fold{first['fold']}"
    else:
        runs = str([[one[key] for key in ("signature", "seed", "fold")] for one in told])
        name += f"-ensemble{len(told)}-{hashlib.blake2b(runs.encode(), digest_size=4).hexdigest()}"
    return {
        "experiment": first["experiment"],
        "checkpoint": name,
        "signature": first["signature"],
        "seed": first["seed"],
        **{key: joined(one.get(key) for one in told) for key in STARTED},
        "synthetic": flags_of(model.members)["synthetic"],
        "precision": first["precision"],
        "n_classes": len(model.classes),
    }


def _file_name(text: object) -> str:
    """Make of a name what can be a folder's, and nothing else: a checkpoint may say anything."""
    return re.sub(r"[^\w.=+-]", "-", str(text)).lstrip(".") or "unnamed"


def _some(names: Sequence[str]) -> str:
    """List names, ten at most."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")

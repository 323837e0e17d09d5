"""What makes two runs the same: the signature of a config, and the folder named after it.

A run is identified by its config, so that the same command finds its own folder and does only
what is missing. Everything that affects the numbers is in the signature, except the fold and the
seed, which are folders below it; paths, workers and logging are not.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from esc50.config.hardware import resolve_precision

SECTIONS = (
    "data",
    "split",
    "features",
    "augment",
    "model",
    "optimizer",
    "scheduler",
    "trainer",
    "callbacks",
    "batch_size",
    "label_smoothing",
    "teachers",
    "teacher_weight",
    "class_weights",
    "input_mean",
    "input_std",
    "monitor",
)
# Where things lie, how many hands do the work and what is shown meanwhile change no number.
WITHOUT_EFFECT = (
    "data.root",
    "data.cache_dir",
    "data.workers",
    "data.url",
    "data.sha256",
    "data.table",
    "data.audio",
    "data.outside",
    "model.front_end",
    "model.pretrained_on",
    "model.licence",
    "split.fold",
    "trainer.log_every_n_steps",
    "trainer.num_sanity_val_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.profiler",
    "callbacks.last",
    "callbacks.learning_rate",
    "callbacks.speed",
    "callbacks.images",
    "callbacks.progress",
    "callbacks.search",
)


def signature(cfg: DictConfig) -> str:
    """Identify all that affects the numbers but fold and seed: 10 hexadecimal digits.

    A setting that is null is as if it were not there, so a new one that is null by default leaves
    earlier runs what they were. `trainer.precision=auto` counts as what it stands for on this
    machine, files that training starts from count by their content, and numbers by what they are:
    see `canonical`.
    """
    # Without Hydra's own part, which names folders after this signature; and section by section,
    # of a whole to which any of them may refer.
    whole = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    parts: dict[str, Any] = {key: whole[key] for key in SECTIONS if key in whole}
    plain = {
        key: OmegaConf.to_container(part, resolve=True) if OmegaConf.is_config(part) else part
        for key, part in parts.items()
    }
    resolved = effective(plain)
    weights = resolved["model"].get("weights")
    resolved["model"]["weights"] = weights and content(weights)
    resolved["teachers"] = resolved["teachers"] and [*map(content, resolved["teachers"])]
    if cfg.ckpt_path not in (None, "last"):
        resolved["ckpt_path"] = content(cfg.ckpt_path)
    text = json.dumps(_without_nulls(resolved), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def effective(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what affects the numbers, but for fold and seed, out of a config of plain dictionaries.

    A precision of `auto` is replaced by what it stands for on this machine.
    """
    from esc50.config.canonical import canonical  # loads what --help need not wait for

    # Null where a setting is newer than the config, which a checkpoint may be.
    chosen = canonical({key: plain.get(key) for key in SECTIONS})
    trainer = chosen["trainer"]
    trainer["precision"] = resolve_precision(trainer, plain["model"])
    if chosen["model"].get("train") == "all":
        chosen["model"]["train"] = None
    for key in WITHOUT_EFFECT:
        section, leaf = key.split(".")
        chosen[section].pop(leaf, None)
    if isinstance(columns := chosen["data"].get("columns"), dict):
        chosen["data"]["columns"] = _typed(columns)
    return chosen


def _typed(columns: dict[str, Any]) -> dict[str, Any] | None:
    """The columns' names that somebody chose: a list is of usual ones, and may grow.

    Which of them a table has shows in its clips, whose digest a run keeps.
    """
    return {key: name for key, name in columns.items() if not isinstance(name, list)} or None


def content(path: str) -> str:
    """Identify a file, or the files of a folder, by their bytes: 16 hexadecimal digits.

    Of a run, or of the runs of a cross-validation, those are the checkpoints. What names neither
    stays as it is.
    """
    if (folder := Path(path)).is_dir():
        checkpoints = [*folder.glob("checkpoints/*.ckpt"), *folder.glob("fold*/checkpoints/*.ckpt")]
        files = sorted(checkpoints or (file for file in folder.iterdir() if file.is_file()))
        lines = "\n".join(f"{file.relative_to(folder)} {content(str(file))}" for file in files)
        return hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()
    if not Path(path).is_file():
        return path
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _without_nulls(section: Any) -> Any:
    if not isinstance(section, dict):
        return section
    return {key: _without_nulls(value) for key, value in section.items() if value is not None}


def folder(cfg: DictConfig) -> str:
    """Name the run's folder below the output folder: recipe-signature/seed/fold."""
    group = f"{cfg.name}-{signature(cfg)}/seed{cfg.seed}"
    return group if cfg.split.fold == "all" else f"{group}/fold{cfg.split.fold}"


def mode(metric: str) -> str:
    """Say whether a metric is better when low (min: losses and errors) or high (max)."""
    return "min" if any(word in metric for word in ("loss", "error", "ece")) else "max"

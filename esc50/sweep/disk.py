"""How much disk a sweep will take, said before its first job begins."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from esc50.errors import printable

SHAPING = ("model", "features", "callbacks", "optimizer", "report")
REPORT = 5_000_000  # bytes of a run's report.html: its library of figures 2, its sounds the rest
OTHERS = 2_000_000  # of all else that a run leaves: TensorBoard's events, predictions
CLASSES = 50  # more or fewer change a network by some kilobytes each
FOLDS = 5  # that split.fold=all stands for where the config does not say


def announce(jobs: Sequence[DictConfig], at_once: int | None = None, trials: bool = False) -> None:
    """Print what those of the jobs that are not finished will write; warn where it will not fit.

    Nothing is said where a network cannot be built: its job says why. Whatever else goes wrong
    costs a sentence.

    Args:
        jobs: their configs, with Hydra's own part.
        at_once: how many the sweeper starts at a time; None: as many as the launcher takes.
        trials: whether each will be made, with settings and in a folder that are not known yet.
    """
    try:
        _announce(jobs, at_once, trials)
    except Exception as error:  # of whatever kind: no estimate is worth a sweep
        why = printable(f"{type(error).__name__}: {error}".splitlines()[0])
        print(f"disk: what the sweep will take is not known ({why})", file=sys.stderr)


def one_per_folder(jobs: Sequence[DictConfig]) -> list[DictConfig]:
    """Leave out the jobs whose runs others make: those alike in all that shapes a run."""
    jobs_of = {_folder(cfg): cfg for cfg in jobs}
    # A job of all folds makes each in a folder within its own.
    return [cfg for folder, cfg in jobs_of.items() if folder.parent not in jobs_of]


def _announce(jobs: Sequence[DictConfig], at_once: int | None, trials: bool) -> None:
    known: dict[str, tuple[int, int] | None] = {}  # by what shapes a run's files: one build each
    runs, kept, working = 0, 0, 0
    for cfg in jobs:
        plain: Any = OmegaConf.to_container(_task_part(cfg), resolve=True)
        key = json.dumps([plain[part] for part in SHAPING] + [plain["split"]["protocol"]])
        if key not in known:
            known[key] = sizes(plain)
        size = known[key]
        if size is None:
            return
        left = max(_folds(plain) - (0 if trials else _finished(cfg)), 0)
        runs, kept, working = runs + left, kept + left * size[0], max(working, size[1])
    if runs:
        side_by_side = min(len(jobs), _side_by_side(jobs[0]), at_once or len(jobs))
        _say(runs, kept, side_by_side * working, Path(jobs[0].hydra.sweep.dir))


def sizes(plain: dict[str, Any]) -> tuple[int, int] | None:
    """Bytes that a finished run keeps, and that it takes on top while it runs; None: not known.

    A model of scikit-learn counts as nothing: it grows with its clips, to some megabytes.

    Args:
        plain: a config in plain dictionaries.
    """
    network = _network_bytes(plain)
    if network is None:
        return None
    callbacks = plain["callbacks"]
    validated = plain["split"]["protocol"] != "literature" and callbacks.get("best") is not None
    averaged = callbacks.get("average") is not None
    state = _states(plain["optimizer"]) + averaged
    kept = network * (1 + validated) + OTHERS + REPORT * bool(plain["report"])
    grown = network * state * (1 + validated if averaged else 1)  # else best.ckpt has weights alone
    last = callbacks.get("last") or {}
    return (kept + grown, 0) if last.get("keep_optimizer") else (kept, grown)


def _network_bytes(plain: dict[str, Any]) -> int | None:
    """Count the bytes of the network's weights, without memory for them; None where that fails."""
    import torch

    from esc50.audio.spec import make_spec
    from esc50.model.network import build_plain_network

    section = {**plain["model"], "weights": None} if "weights" in plain["model"] else plain["model"]
    try:
        spec = make_spec(plain["features"])
        with torch.device("meta"):
            network = build_plain_network(section, CLASSES, spec.shape[1:], spec.shape[0])
    except Exception:  # of whatever kind: the job says what is wrong with its network
        return None
    return sum(part.numel() * part.element_size() for part in network.state_dict().values())


def _states(optimizer: dict[str, Any]) -> int:
    """How many numbers an optimizer remembers of each weight: two, unless it is SGD or none."""
    if not optimizer:
        return 0
    if str(optimizer["_target_"]).endswith(".SGD"):
        return int(bool(optimizer.get("momentum")))
    return 2


def _task_part(cfg: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def _folds(plain: dict[str, Any]) -> int:
    return plain["data"].get("folds") or FOLDS if plain["split"]["fold"] == "all" else 1


def _folder(cfg: DictConfig) -> Path:
    return Path(cfg.hydra.sweep.dir, cfg.hydra.sweep.subdir)


def _finished(cfg: DictConfig) -> int:
    folder = _folder(cfg)
    return len([*folder.glob("results.json"), *folder.glob("fold*/results.json")])


def _side_by_side(cfg: DictConfig) -> int:
    """How many jobs the launcher runs at a time, at the most."""
    launcher = cfg.hydra.launcher
    if launcher._target_.endswith(".BasicLauncher"):
        return 1
    if launcher._target_.endswith(".SlurmLauncher"):
        return int(launcher.array_parallelism)
    cores = os.cpu_count() or 1
    return launcher.n_jobs if (launcher.get("n_jobs") or -1) > 0 else cores


def _say(runs: int, kept: int, working: int, folder: Path) -> None:
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free
    print(
        f"disk: {runs} {'run' if runs == 1 else 'runs'} of {_size(kept // runs)} will take "
        f"{_size(kept)}, and {_size(working)} more at work; {_size(free)} are free in {folder}"
    )
    if kept + working > free:
        print(
            "warning: that will not fit: choose an output_dir on a larger disk, report=false, or "
            "fewer jobs",
            file=sys.stderr,
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"

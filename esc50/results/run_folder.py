"""A run's results on disk: predictions.csv, results.json, config.yaml; and finding them again."""

import csv
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from esc50.atomic import atomic_write, atomic_write_text, file_lock, remove_leftovers
from esc50.config.canonical import canonical
from esc50.config.signature import SECTIONS, WITHOUT_EFFECT
from esc50.data.tables.columns import source_and_take
from esc50.errors import UserError, printable, refusal
from esc50.results.cells import escape_cell
from esc50.results.mistakes import write_mistakes

# What a run leaves in its folder, besides Hydra's own files, which Hydra writes anew.
LEAVINGS = """config.yaml results.json predictions.csv mistakes.csv sources.json checkpoints
    summary.json history.csv metrics.csv hparams.yaml fit-profile.txt report.html
    export""".split()
EVALUATION = "evaluation"  # the protocol of a finished checkpoint's test on other clips
# What results.json must hold to be that of a finished run.
NEEDED: dict[str, type | tuple[type, ...]] = {
    "experiment": (str, int, float),
    "protocol": str,
    "leaky": bool,
    "signature": str,
    "seed": int,
    "fold": (int, type(None)),  # null: an evaluation, of all folds
    "test/acc": (int, float),
}
# What it holds as null where the protocol or the classes have no such measure.
PERHAPS = (
    "train/acc",
    "val/acc",
    "val/loss",
    "val/f1_macro",
    "val/acc_balanced",
    "test/acc_category5",
)


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """Write results.json, a run's last file: see `is_finished`."""
    atomic_write_text(
        folder / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n"
    )


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a finished run."""
    return why_unfinished(folder) is None


def why_unfinished(folder: Path) -> str | None:
    """Say in a sentence why a folder holds no finished run; None where it holds one."""
    found = _load(folder)
    return found if isinstance(found, str) else None


def chosen_checkpoint(folder: Path) -> Path:
    """Name the checkpoint that a run tested: the best; the last where none was chosen."""
    best = folder / "checkpoints" / "best.ckpt"
    return best if best.is_file() else best.with_name("last.ckpt")


def read_results(folder: Path) -> dict[str, Any]:
    """Read the results of a finished run.

    Raises:
        UserError: the folder holds no finished run.
    """
    found = _load(folder)
    if isinstance(found, str):
        raise UserError(f"{folder}: {found}")
    return found


def find_results(folder: Path) -> dict[str, Any] | None:
    """Read the results of a finished run; None where there is none, printing what is damaged."""
    found = _load(folder)
    if not isinstance(found, str):
        return found
    if (folder / "results.json").exists():
        print(printable(f"{folder}: {found}"))
    return None


def _load(folder: Path) -> dict[str, Any] | str:
    """Read the results of a finished run, or say why there are none."""
    again = "run the fold again"
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "not finished: no results.json"
    except OSError as error:
        return f"not finished: results.json cannot be read ({error.strerror})"
    except (ValueError, RecursionError):  # the latter of brackets in brackets without end
        return f"not finished: results.json is damaged; {again}"
    if not isinstance(results, dict):
        return f"not finished: results.json holds no results; {again}"
    wrong = [
        key
        for key, kind in NEEDED.items()
        if key not in results or not isinstance(results[key], kind)
    ]
    if wrong:
        return f"not finished: results.json lacks a valid {', '.join(wrong)}; {again}"
    if not (folder / "predictions.csv").is_file():
        return f"not finished: no predictions.csv; {again}"
    return results


def read_config(folder: Path) -> dict[str, Any] | None:
    """Read a run's config.yaml; None where there is none, or none in shape."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import AliasToken, YAMLError, scan

    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        if "*" in text and any(isinstance(token, AliasToken) for token in scan(text)):
            return None  # we write none, and references to references may stand for gigabytes
        config = OmegaConf.to_container(OmegaConf.load(StringIO(text)))
    except (OSError, ValueError, RecursionError, YAMLError, OmegaConfBaseException):
        return None
    return {str(key): part for key, part in config.items()} if isinstance(config, dict) else None


def read_settings(folder: Path) -> dict[str, str]:
    """Read the settings in a run's config.yaml that affect its numbers, by key; {} without one."""
    settings: dict[str, str] = {}

    def flatten(section: Any, key: str) -> None:
        if isinstance(section, dict):
            for name, value in section.items():
                flatten(value, f"{key}.{name}" if key else str(name))
        elif key.split(".")[0] in SECTIONS and key not in WITHOUT_EFFECT:
            settings[key] = str(section)

    flatten(canonical(read_config(folder) or {}), "")
    return settings


def write_predictions(
    path: Path,
    clips: Sequence[str],
    folds: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    class_labels: np.ndarray,
    sources: Sequence[str],
) -> None:
    """Write predictions.csv: clip, fold, target, prediction, probability of each class.

    Beside it goes mistakes.csv, which has the wrong ones by name, and, where names do not tell a
    clip's recording, sources.json, which does: intervals go by it. Target and prediction are the
    table's own target numbers; probabilities float (clips, classes). Names that a spreadsheet
    would compute are escaped: see `cells`.
    """
    given = {clip: str(source) for clip, source in zip(clips, sources, strict=True)}
    if any(source_of(clip) != source for clip, source in given.items()):
        atomic_write_text(path.with_name("sources.json"), json.dumps(given, indent=0) + "\n")
    predicted = class_labels[probabilities.argmax(1)]
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "fold", "target", "prediction", *map(escape_cell, classes)])
        for clip, fold, label, guess, row in zip(
            clips, folds, labels, predicted, probabilities, strict=True
        ):
            writer.writerow([escape_cell(clip), fold, label, guess, *(f"{p:.8g}" for p in row)])
    targets = np.searchsorted(class_labels, labels)
    write_mistakes(path.with_name("mistakes.csv"), clips, targets, probabilities, classes)


def source_of(clip: str) -> str:
    """Name the recording that a clip was cut from, by its ESC-50 file name; else the clip."""
    parsed = source_and_take(Path(clip).stem)
    return parsed[0] if parsed else clip


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Lock a run's folder, so that one process at a time works in it.

    While another process is making this run, it is waited for; then the run is found done.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = file_lock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"another process is making this very run in {folder}: waiting for it")
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written "
            + refusal(error, "set output_dir or hydra.run.dir to a folder that can")
        ) from None
    try:
        remove_leftovers(folder)
        yield
    finally:
        lock.release()


def keep_aside(folder: Path) -> None:
    """Move what an earlier run left in the folder into previous-1, previous-2, ..."""
    left = [folder / name for name in LEAVINGS if (folder / name).exists()]
    left += folder.glob("events.out.tfevents.*")
    if not left:
        return
    number = 1
    while (folder / f"previous-{number}").exists():
        number += 1
    aside = folder / f"previous-{number}"
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)


def provenance() -> dict[str, Any]:
    """Say which code and which libraries make the numbers: git commit, dirty flag, versions."""
    import torch

    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit,
        "git_dirty": bool(changed) if commit else None,
        "torch": torch.__version__,
        "lightning": version("pytorch-lightning"),
        "python": platform.python_version(),
    }


def _git(*arguments: str) -> str | None:
    here = Path(__file__).parent
    try:
        done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None

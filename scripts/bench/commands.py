"""Whole commands against the clock: start-up, and an experiment from files to test accuracy."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from bench.contest import Contestant, Outcome, compete, high_water_mib, make_row
from esc50.data.progress_bar import progress_bar
from esc50.errors import UserError

SCRIPTS = Path(__file__).parents[1]
TRAIN = SCRIPTS.parent / "train.py"
HEAVY = "import torch, torchvision, pytorch_lightning, torchmetrics"


def timed(outcome: Outcome, *command: object, log: Path) -> float:
    """Run a Python command, note its seconds and peak memory; returns when it began.

    Raises:
        UserError: it failed; the sentence ends with its output.
    """
    paths = [str(SCRIPTS), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    began, clock = time.time(), time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=file, stderr=subprocess.STDOUT, env=env
        )
        watch = threading.Thread(target=_watch_memory, args=(process.pid, outcome))
        watch.start()
        status = process.wait()
        seconds = time.perf_counter() - clock
        watch.join()
    if status:
        what = " ".join(map(str, command[:2]))
        raise UserError(f"{what} failed:\n{log.read_text()[-2000:]}")
    outcome.values.append(seconds)
    return began


def _watch_memory(pid: int, outcome: Outcome) -> None:
    """Follow the peak memory of another process to its end, where the system shows it."""
    while (peak := high_water_mib(pid)) is not None:
        outcome.peak_mib = max(peak, outcome.peak_mib or 0)
        time.sleep(0.02)


def startup(clips: Path, scratch: Path, repeats: int) -> list[dict]:
    """`--help`, `--cfg job`, and from the command to the end of the first training step."""
    log, noted = scratch / "startup.log", scratch / "first_step"
    overrides = [
        *_data(clips, scratch / "cache_startup"),
        "rerun=true",
        f"output_dir='{scratch / 'outputs_startup'}'",
        *(f"trainer.limit_{side}_batches=1" for side in ("train", "val", "test")),
        "trainer.max_epochs=1",
        "+callbacks.first_step._target_=bench.contestants.moments.FirstStep",
        f"+callbacks.first_step.path='{noted}'",
    ]
    opened = {"clips": clips, "cache_dir": scratch / "cache_startup"}
    compete(
        {"cache": Contestant("bench.contestants.features:reopen", opened)}, 1, scratch, lambda: None
    )
    hydra, heavy, usage, config, whole, step = (Outcome() for _ in range(6))
    with progress_bar("start-up", repeats) as advance:
        for _ in range(repeats):
            timed(hydra, "-c", "import hydra", log=log)
            timed(heavy, "-c", HEAVY, log=log)
            timed(usage, TRAIN, "--help", log=log)
            timed(config, TRAIN, "--cfg", "job", log=log)
            noted.unlink(missing_ok=True)
            began = timed(whole, TRAIN, *overrides, log=log)
            step.values.append(float(noted.read_text()) - began)
            step.peak_mib = whole.peak_mib
            advance()
    beside_hydra = partial(make_row, "f", limit=hydra, limit_name="import hydra alone")
    beside_torch = partial(make_row, "f", limit=heavy, limit_name="import torch, Lightning alone")
    return [
        beside_hydra("train.py --help", "s", usage),
        beside_hydra("train.py --cfg job", "s", config),
        beside_torch("command to first step, warm cache", "s", step),
        beside_torch("one-step run, start to end", "s", whole),
    ]


def folds_at_once(clips: Path, scratch: Path, epochs: int, part: str = "h") -> list[dict]:
    """A cross-validation in one command, against the sum of its fits, with a warm cache."""
    whole, folder, log = Outcome(), scratch / "folds", scratch / "folds.log"
    opened = {"clips": clips, "cache_dir": scratch / "cache_folds"}
    compete(
        {"cache": Contestant("bench.contestants.features:reopen", opened)}, 1, scratch, lambda: None
    )
    overrides = [
        *_data(clips, scratch / "cache_folds"),
        f"output_dir='{folder}'",
        "split.fold=all",
        "augment=online",
        f"trainer.max_epochs={epochs}",
        "callbacks.early_stopping=null",
    ]
    with progress_bar(f"five folds, {epochs} epochs", 1) as advance:
        timed(whole, TRAIN, *overrides, log=log)
        advance()
    results = [json.loads(path.read_text()) for path in folder.glob("*/*/fold*/results.json")]
    fits = Outcome([sum(one["seconds_fit"] for one in results)])
    beside = Outcome([(whole.values[0] - fits.values[0]) / len(results)])
    shutil.rmtree(folder)
    what = f"split.fold=all, {len(results)} folds x {epochs} epochs"
    return [
        make_row(part, what, "s", whole, limit_name="the fits alone", limit=fits),
        make_row(part, "beside the fits, a fold", "s", beside),
    ]


def seeds_side_by_side(clips: Path, scratch: Path, jobs: int, seeds: int, epochs: int) -> dict:
    """A sweep over seeds of which so many share a GPU."""
    whole, folder, log = Outcome(), scratch / "seeds", scratch / "seeds.log"
    overrides = [
        "-m",
        *_data(clips, scratch / "cache_folds"),
        f"output_dir='{folder}'",
        f"seed={','.join(map(str, range(seeds)))}",
        "hydra/launcher=joblib",
        f"hydra.launcher.n_jobs={jobs}",
        f"jobs_per_gpu={jobs}",
        "augment=online",
        f"trainer.max_epochs={epochs}",
        "callbacks.early_stopping=null",
    ]
    with progress_bar(f"{jobs} jobs on a GPU", 1) as advance:
        timed(whole, TRAIN, *overrides, log=log)
        advance()
    shutil.rmtree(folder)
    return make_row("g", f"{seeds} seeds x {epochs} epochs, jobs_per_gpu={jobs}", "s", whole)


def whole_experiment(clips: Path, scratch: Path, epochs: int) -> list[dict]:
    """Our commands with nothing cached against the published pipeline as a script.

    `+experiment=augmented` for the same number of epochs, from files to test accuracy; and
    `+experiment=best_fast` to the validation accuracy that the published pipeline reaches in its
    best epoch. All validate on fold 2 and test on fold 1 once.

    Raises:
        UserError: the two did not train on the same number of items, or one failed.
    """
    same, sooner, theirs, folder = Outcome(), Outcome(), Outcome(), scratch / "whole"
    folder.mkdir()
    with progress_bar("whole experiment", 3) as advance:
        augmented = ["+experiment=augmented", f"trainer.max_epochs={epochs}"]
        results, _ = _train(same, clips, folder / "same", *augmented)
        advance()
        recipe = ["+experiment=best_fast", "split=official"]
        soon, our_epochs = _train(sooner, clips, folder / "sooner", *recipe)
        advance()
        log = folder / "published.log"
        began = timed(
            theirs, "-Pm", "bench.contestants.whole", clips, folder / "npy", epochs, log=log
        )
        published = json.loads(log.read_text().splitlines()[-1])
        advance()
    if published["n_train"] != results["n_train"]:
        raise UserError(f"{published['n_train']} against {results['n_train']} training items")
    shutil.rmtree(folder)
    what = f"+experiment=augmented, {results['n_train']:,} items, {epochs} epochs"
    row = make_row("d", what, "s", same, against="published pipeline", other=theirs)
    their_epochs = [(at - began, accuracy) for at, accuracy in published["epochs"]]
    return [
        row | {"ours_test_acc": [results["test/acc"]], "other_test_acc": [published["test/acc"]]},
        _to_the_same(our_epochs, their_epochs) | {"ours_test_acc": [soon["test/acc"]]},
    ]


def _to_the_same(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> dict:
    """Row of the seconds to their best validation accuracy, from (seconds, accuracy) per epoch."""
    goal = max(accuracy for _, accuracy in theirs)
    first = [
        Outcome([at for at, accuracy in epochs if accuracy >= goal][:1])
        for epochs in (ours, theirs)
    ]
    what = f"+experiment=best_fast to validation accuracy {goal:.4f}"
    if not first[0].values:
        what += f" (not reached: {max(accuracy for _, accuracy in ours):.4f})"
    row = make_row("d", what, "s", first[0], against="published pipeline", other=first[1])
    return row | {"ours_epochs": ours, "other_epochs": theirs}


def _train(
    outcome: Outcome, clips: Path, folder: Path, *overrides: str
) -> tuple[dict, list[tuple[float, float]]]:
    """Run train.py from files to test accuracy; its results, and (seconds, accuracy) per epoch."""
    folder.mkdir()
    noted = folder / "epochs"
    command = [
        *overrides,
        *_data(clips, folder / "cache"),
        f"output_dir='{folder / 'outputs'}'",
        "callbacks.early_stopping=null",
        "+callbacks.epoch_ends._target_=bench.contestants.moments.EpochEnds",
        f"+callbacks.epoch_ends.path='{noted}'",
    ]
    began = timed(outcome, TRAIN, *command, log=folder / "train.log")
    results = json.loads(next(folder.glob("outputs/**/results.json")).read_text())
    lines = [map(float, line.split()) for line in noted.read_text().splitlines()]
    return results, [(at - began, accuracy) for at, accuracy in lines]


def _data(clips: Path, cache_dir: Path) -> list[str]:
    """Overrides of a run on clips; its report is no part of what is timed."""
    return ["data=esc50", f"data.root='{clips}'", f"data.cache_dir='{cache_dir}'", "report=false"]

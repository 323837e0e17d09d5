"""Whole commands against the clock: start-up, and an experiment from files to test accuracy."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.contest import Contestant, Outcome, compete, high_water_mib, make_row
from esc50.data.progress import progress_bar
from esc50.errors import Refusal

SCRIPTS = Path(__file__).parents[1]
TRAIN = SCRIPTS.parent / "train.py"
HEAVY = "import torch, torchvision, pytorch_lightning, torchmetrics"


def timed(outcome: Outcome, *command: object, log: Path) -> float:
    """Run a Python command, note its seconds and peak memory; returns when it began.

    Raises:
        Refusal: it failed; the sentence ends with its output.
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
        raise Refusal(f"{what} failed:\n{log.read_text()[-2000:]}")
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
        "+callbacks.first_step._target_=bench.startup.FirstStep",
        f"+callbacks.first_step.path='{noted}'",
    ]
    opened = {"clips": clips, "cache_dir": scratch / "cache_startup"}
    compete({"cache": Contestant("bench.features:reopen", opened)}, 1, scratch, lambda: None)
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
    importing = {"limit": hydra, "limit_name": "import hydra alone"}
    libraries = {"limit": heavy, "limit_name": "import torch, Lightning alone"}
    return [
        make_row("f", "train.py --help", "s", usage, **importing),
        make_row("f", "train.py --cfg job", "s", config, **importing),
        make_row("f", "command to first step, warm cache", "s", step, **libraries),
        make_row("f", "one-step run, start to end", "s", whole, **libraries),
    ]


def whole_experiment(clips: Path, scratch: Path, epochs: int) -> list[dict]:
    """`+experiment=augmented` with nothing cached against the published pipeline as a script.

    Raises:
        Refusal: the two did not train on the same number of items, or one failed.
    """
    ours, theirs, folder = Outcome(), Outcome(), scratch / "whole"
    folder.mkdir()
    overrides = [
        "+experiment=augmented",
        *_data(clips, folder / "cache"),
        f"output_dir='{folder / 'outputs'}'",
        f"trainer.max_epochs={epochs}",
        "callbacks.early_stopping=null",
    ]
    with progress_bar("whole experiment", 2) as advance:
        timed(ours, TRAIN, *overrides, log=folder / "ours.log")
        results = json.loads(next(folder.glob("outputs/**/results.json")).read_text())
        advance()
        log = folder / "published.log"
        timed(theirs, "-Pm", "bench.whole", clips, folder / "npy", epochs, log=log)
        published = json.loads(log.read_text().splitlines()[-1])
        advance()
    if published["n_train"] != results["n_train"]:
        raise Refusal(f"{published['n_train']} against {results['n_train']} training items")
    shutil.rmtree(folder)
    what = f"+experiment=augmented, {results['n_train']:,} items, {epochs} epochs"
    row = make_row("d", what, "s", ours, against="published pipeline", other=theirs)
    accuracy = {"ours_test_acc": [results["test/acc"]], "other_test_acc": [published["test/acc"]]}
    return [row | accuracy]


def _data(clips: Path, cache_dir: Path) -> list[str]:
    return ["data=esc50", f"data.root='{clips}'", f"data.cache_dir='{cache_dir}'"]

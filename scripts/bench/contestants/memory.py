"""Memory that each stage of a large set takes, beside what it maps from files.

    PYTHONPATH=scripts python -m bench.contestants.memory CLIPS FOLDER N

Makes a set of N links to CLIPS (ESC-50 layout) in FOLDER, small features of them, an audit and an
epoch's batches, and prints seconds and peak memory of each; what FOLDER holds already is not made
again. 100,000 clips take 1.3 GB.
"""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.clips import link
from esc50.config.composition import compose_config
from esc50.data.datamodule import ESC50DataModule

FEATURES = """features.sample_rate=8000 features.seconds=1 features.n_fft=256
    features.hop_length=128 features.n_mels=32 features.frames=63 features.height=32
    features.width=32 augment=online""".split()
EVERY = 0.01  # seconds from one look at the memory to the next


def anonymous_mib() -> float:
    """Memory of this process that no file backs, in MiB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def measure(what: str, stage: Callable[[], object]) -> float:
    """Do something and print how long it took and how much memory there was at the most."""
    peak, done = anonymous_mib(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(EVERY):
            peak = max(peak, anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, cpu = time.perf_counter(), time.process_time()
    try:
        stage()
    finally:
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        done.set()
        watcher.join()
    print(f"{what:20} {seconds:8.1f} s {cpu:8.1f} s of processor {peak:8.0f} MiB", flush=True)
    return peak


def main(clips: str, folder: str, n: str) -> None:
    """Measure one stage after the other."""
    from omegaconf import OmegaConf

    clips_of, cache = Path(folder) / f"clips{n}", Path(folder) / f"cache{n}"
    if not clips_of.exists():
        link(Path(clips), clips_of, int(n))
    cfg = compose_config([*FEATURES, f"data.root={clips_of}", f"data.cache_dir={cache}"])
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    data = ESC50DataModule.from_config(plain)
    measure("nothing yet", lambda: None)
    measure("table", lambda: data.table)
    measure("digests", lambda: data.digests)
    measure("features and audit", lambda: data.prepared)
    measure("an epoch's batches", lambda: sum(1 for _ in data.train_dataloader()))


if __name__ == "__main__":
    main(*sys.argv[1:])

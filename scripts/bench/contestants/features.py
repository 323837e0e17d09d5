"""Contestants that turn sound files into features: clips per second."""

import os
import shutil
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
import torch

from bench.contest import Turns
from esc50.audio.spec import FeatureSpec
from esc50.data.cache.digests import clip_digests
from esc50.data.cache.entries import _checked, entry_fault
from esc50.data.features import clip_features, single_threaded
from esc50.data.tables.table import read_table


def ours(turns: Turns, clips: str, cache_dir: str, workers: int | None = None) -> None:
    """Build the cache from nothing: digests, features and spectra; the last one built remains."""
    table, spec, cache = read_table(Path(clips)), FeatureSpec(), Path(cache_dir)
    few = table.select(np.arange(len(table)) < 2)
    clip_features(few, spec, clip_digests(few.paths, cache), cache, None)  # imports, FFT plans
    while turns.wait():
        shutil.rmtree(cache, ignore_errors=True)
        start = time.perf_counter()
        clip_features(table, spec, clip_digests(table.paths, cache), cache, workers)
        turns.report(len(table) / (time.perf_counter() - start))


def processes(turns: Turns, clips: str, cache_dir: str) -> None:
    """The same by a process per core, each of one thread, with clips and a cache of its own."""
    n = os.cpu_count() or 1
    parts = [(clips, str(Path(cache_dir) / str(part)), part, n) for part in range(n)]
    with ProcessPoolExecutor(n, get_context("spawn")) as pool:
        total = sum(pool.map(_build_part, parts))  # imports, tables of the transform
        while turns.wait():
            start = time.perf_counter()
            list(pool.map(_build_part, parts))
            turns.report(total / (time.perf_counter() - start))


def _build_part(task: tuple[str, str, int, int]) -> int:
    clips, cache, part, n = task
    shutil.rmtree(cache, ignore_errors=True)
    whole = read_table(Path(clips))
    table = whole.select(np.arange(len(whole)) % n == part)
    clip_features(table, FeatureSpec(), clip_digests(table.paths, Path(cache)), Path(cache), 1)
    return len(table)


def reopen(turns: Turns, clips: str, cache_dir: str) -> None:
    """Read the table, check the digests, open the finished cache, compare its bytes: seconds."""
    while turns.wait():
        _checked.clear()  # a process compares them once
        start = time.perf_counter()
        table = read_table(Path(clips))
        digests = clip_digests(table.paths, Path(cache_dir))
        clip_features(table, FeatureSpec(), digests, Path(cache_dir), None)
        turns.report(time.perf_counter() - start)


def compare(turns: Turns, clips: str, cache_dir: str) -> None:
    """Compare every byte of the finished cache with its checksum: seconds."""
    table, spec, cache = read_table(Path(clips)), FeatureSpec(), Path(cache_dir)
    clip_features(table, spec, clip_digests(table.paths, cache), cache, None)
    (folder,) = cache.glob("clips-*/")
    while turns.wait():
        _checked.clear()
        start = time.perf_counter()
        assert entry_fault(folder) is None
        turns.report(time.perf_counter() - start)


def published(turns: Turns, clips: str, folder: str) -> None:
    """One clip after the other through librosa and OpenCV into a .npy file each."""
    from bench.contestants.published import load, picture

    paths = read_table(Path(clips)).paths
    Path(folder).mkdir(parents=True, exist_ok=True)
    picture(*load(paths[0]))
    while turns.wait():
        start = time.perf_counter()
        for path in paths:
            np.save(Path(folder) / f"{path.stem}.npy", picture(*load(path)))
        turns.report(len(paths) / (time.perf_counter() - start))


def limit(turns: Turns, clips: str, decode: bool) -> None:
    """The frames' rfft alone, on all cores, into memory that is there; where `decode`, reading too.

    Memory taken anew for each clip, its pages faulted in one by one, would take longer than the
    transform.
    """
    spec, paths = FeatureSpec(), read_table(Path(clips)).paths
    first, _ = soundfile.read(paths[0], dtype="float32")
    waveform = torch.zeros(spec.n_samples)
    waveform[: len(first)] = torch.from_numpy(first[: spec.n_samples])
    half, own = spec.n_fft // 2, threading.local()
    padded = torch.nn.functional.pad(waveform, (half, half))
    window = torch.hann_window(spec.n_fft)
    frames = (padded.unfold(-1, spec.n_fft, spec.hop_length) * window).contiguous()

    def one(path: Path) -> None:
        if decode:
            soundfile.read(path, dtype="float32")
        if not hasattr(own, "spectrum"):
            own.spectrum = torch.fft.rfft(frames)
        torch.fft.rfft(frames, out=own.spectrum)

    with single_threaded(), ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, paths[:4]))
        while turns.wait():
            start = time.perf_counter()
            list(pool.map(one, paths))
            turns.report(len(paths) / (time.perf_counter() - start))

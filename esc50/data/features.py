"""Features of a whole table by way of the cache: pictures, and the spectra behind them."""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter

from esc50.atomic import atomic_write_text
from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams
from esc50.audio.excerpt import CUT
from esc50.audio.front_end import make_front_end
from esc50.audio.read import read_sound
from esc50.audio.spec import BandedSpec, Spec
from esc50.data.cache import RowWriter, Shapes, entry_key, open_or_build
from esc50.data.notices import notice, some
from esc50.data.progress_bar import progress_bar
from esc50.data.table import ClipTable

RENDERING = 1  # raise it when the rendering of copies changes
COPIES_AT_ONCE = 64  # rendered together: enough to keep the cores busy, little enough for memory


def clip_features(
    table: ClipTable, spec: Spec, digests: list[str], cache_dir: Path, workers: int | None
) -> dict[str, np.ndarray]:
    """Features of every clip, from the cache or computed in parallel.

    Returns:
        logmel: float32 (clips, channels, height, width), standardised: the log-mels, or whatever
            else the features are.
        magnitude: float16 (clips, bands, frames), each clip divided by its peak; with `peak`, where
            augmentation can follow the features.
        peak: float32 (clips,).
        profile: float32 (clips, 1, height, width), log-mels that tell near-duplicates; where
            `logmel` holds none.

    Raises:
        UserError: a clip cannot be read (named), or the cache cannot be written.
    """
    n, paths = len(table), table.paths
    arrays = _arrays(spec, n)
    key = entry_key("clips", features=spec.key, digests=digests)
    for remark in spec.remarks:
        notice(remark)
    remarks: dict[str, list[str]] = defaultdict(list)
    noted = cache_dir / f"{key}.remarks.json"  # for whoever finds the features there

    def fill(writer: RowWriter) -> None:
        analyse = _analyser(spec)

        def one(row: int) -> None:
            place = paths[row], spec.sample_rate, spec.n_samples, table.start(row)
            sound = read_sound(*place, spec.channel)
            for remark in sound.remarks:
                if remark != CUT or table.offsets is None:  # a window ends, its recording goes on
                    remarks[remark].append(table.filenames[row])
            with torch.inference_mode():
                found = analyse(torch.from_numpy(sound.samples))
            writer.write(row, **{name: found[name].numpy() for name in arrays})

        # Decoding, FFTs and products release the lock, so threads do; each keeps to its own core.
        with (
            single_threaded(),
            progress_bar("features", n) as advance,
            ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        ):
            jobs = [pool.submit(one, row) for row in range(n)]
            try:
                for job in jobs:
                    job.result()
                    advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        atomic_write_text(noted, json.dumps({k: sorted(remarks[k]) for k in sorted(remarks)}))

    features = open_or_build(cache_dir, key, arrays, fill)
    for remark, names in _read_remarks(noted).items():
        notice(f"{len(names)} of {n} clips {remark}: {some(names)}")
    return features


def _read_remarks(path: Path) -> dict[str, list[str]]:
    """What is odd about which clips, by file name; nothing where that is gone or damaged."""
    try:
        found: dict[str, list[str]] = TypeAdapter(dict[str, list[str]]).validate_json(
            path.read_bytes()
        )
    except (OSError, ValueError):
        return {}
    return found


def _arrays(spec: Spec, n: int) -> Shapes:
    """What is kept of `n` clips: names, shapes, types."""
    arrays: Shapes = {"logmel": ((n, *spec.shape), "<f4")}
    if isinstance(spec, BandedSpec):
        arrays |= {"magnitude": ((n, spec.n_bands, spec.n_frames), "<f2"), "peak": ((n,), "<f4")}
    if spec.log_mel is not spec:
        arrays["profile"] = ((n, *spec.log_mel.shape), "<f4")
    return arrays


def _analyser(spec: Spec) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
    """Make what computes the arrays of one clip, by name."""
    front_end = make_front_end(spec)
    profile = None if spec.log_mel is spec else make_front_end(spec.log_mel)

    def analyse(samples: torch.Tensor) -> dict[str, torch.Tensor]:
        if isinstance(spec, BandedSpec):
            found = dict(zip(("logmel", "magnitude", "peak"), front_end(samples), strict=True))
        else:
            found = {"logmel": front_end.features(samples)}
        return found if profile is None else found | {"profile": profile.features(samples)}

    return analyse


def profiles(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Pick the log-mels that tell near-duplicates: float32 (clips, channels, height, width)."""
    return features.get("profile", features["logmel"])


def copy_features(
    features: dict[str, np.ndarray],
    augment: Augment,
    params: AugmentParams,
    clip_of_copy: np.ndarray,
    parts: dict[str, object],
    cache_dir: Path,
) -> np.ndarray:
    """Pictures of augmented copies, float32 (copies, channels, height, width), cached or rendered.

    Args:
        features: of the clips, see `clip_features`.
        augment: renders them.
        params: one row per copy.
        clip_of_copy: int64 (copies,), the clip each is made of.
        parts: all that shapes the copies, for the entry's name.
        cache_dir: the cache.
    """
    n = len(clip_of_copy)
    arrays = {"logmel": ((n, *features["logmel"].shape[1:]), "<f4")}

    def fill(writer: RowWriter) -> None:
        with progress_bar("augmented copies", n) as advance, torch.inference_mode():
            for start in range(0, n, COPIES_AT_ONCE):
                rows = slice(start, min(start + COPIES_AT_ONCE, n))
                clips = clip_of_copy[rows]
                batch = {name: torch.from_numpy(array[clips]) for name, array in features.items()}
                rendered = augment.render(
                    batch["magnitude"], batch["peak"], batch["logmel"], params[rows]
                )
                writer.write(start, logmel=rendered.numpy())
                advance(len(clips))

    return open_or_build(
        cache_dir, entry_key("copies", rendering=RENDERING, **parts), arrays, fill
    )["logmel"]


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep torch to one thread per operation, so that worker threads do not fight over cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

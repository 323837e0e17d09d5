"""Features of a whole table by way of the cache: pictures, and the spectra behind them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams
from esc50.audio.files.excerpt import CUT
from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.spec import BandedSpec, Spec
from esc50.data.cache.entries import entry_key, open_or_build
from esc50.data.cache.part import RowWriter, Shapes
from esc50.data.notices import notice, some
from esc50.data.progress_bar import progress_bar
from esc50.data.tables.table import ClipTable
from esc50.data.threads import for_each
from esc50.errors import UserError

RENDERING = 1  # raise it when the rendering of copies changes
MOST_REFUSED = 1000  # clips, after which a build gives up: it is not a few that are damaged
MOST_NAMED = 20
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
        UserError: clips cannot be read (all are named at once), or the cache cannot be written.
    """
    n = len(table)
    arrays = _arrays(spec, n)
    key = entry_key("clips", features=spec.key, digests=digests)
    for remark in spec.remarks:
        notice(remark)

    def fill(writer: RowWriter) -> None:
        analyse = _analyser(spec)
        refused: dict[str, list[int]] = {}  # one sentence for all parts of a recording

        def one(row: int) -> UserError | None:
            try:
                sound = table.read(row, spec.sample_rate, spec.n_samples, spec.channel)
            except UserError as error:
                return error
            with torch.inference_mode():
                found = analyse(torch.from_numpy(sound.samples))
            values = {name: found[name].numpy() for name in arrays}
            said = list(sound.remarks)
            if table.offsets is not None and table.ends is None:  # its recording goes on
                said = [remark for remark in said if remark != CUT]
            writer.write(row, said, **values)
            return None

        def note(row: int, error: UserError | None) -> None:
            if error is not None:
                refused.setdefault(str(error), []).append(row)
            if len(refused) == MOST_REFUSED:
                raise _refusal(table, refused, "; the rest was not looked at")
            advance()

        # Decoding, FFTs and products release the lock, so threads do; each keeps to its own core.
        with single_threaded(), _progress("features", "clips", writer) as advance:
            for_each(one, writer.missing.tolist(), note, workers)
        if refused:
            raise _refusal(table, refused)

    entry = open_or_build(cache_dir, key, arrays, fill)
    for remark, rows in entry.remarks.items():
        names = sorted(table.filenames[row] for row in rows)
        notice(f"{len(rows)} of {n} clips {remark}: {some(names)}")
    return entry.arrays


def _refusal(table: ClipTable, faults: Mapping[str, list[int]], rest: str = "") -> UserError:
    """Say of all clips that cannot be used what is wrong with them.

    Args:
        table: the clips.
        faults: the clips that each sentence is about.
        rest: of the clips.
    """
    n = len(faults)
    said = [table.name_faults(*fault) for fault in islice(faults.items(), MOST_NAMED)]
    if n > MOST_NAMED:
        said.append(f"and {n - MOST_NAMED} more")
    them, s = ("it", "") if n == 1 else ("them", "s")
    things = f"sound file{s}" + (f" or part{s}" if table.offsets is not None else "")
    what = f"{n} {things} cannot be used{rest}: mend {them}, or take {them} out of the data"
    return UserError("\n  ".join([what, *said]))


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


def pictures(spec: Spec, features: Mapping[str, Any]) -> Any:
    """Pick what people are shown of the network's input: (clips, channels, height, width)."""
    return features["logmel" if spec.picture is spec else "profile"]


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
        with _progress("augmented copies", "copies", writer) as advance, torch.inference_mode():
            for start in range(0, n, COPIES_AT_ONCE):
                rows = slice(start, min(start + COPIES_AT_ONCE, n))
                if writer.written[rows].all():
                    continue
                clips = clip_of_copy[rows]
                batch = {name: torch.from_numpy(array[clips]) for name, array in features.items()}
                rendered = augment.render(
                    batch["magnitude"], batch["peak"], batch["logmel"], params[rows]
                )
                writer.write(start, logmel=rendered.numpy())
                advance(len(clips))

    key = entry_key("copies", rendering=RENDERING, **parts)
    return open_or_build(cache_dir, key, arrays, fill).arrays["logmel"]


@contextmanager
def _progress(what: str, items: str, writer: RowWriter) -> Iterator[Callable[..., None]]:
    """Show how much of an entry is there, and say how much there was to begin with."""
    n, there = len(writer.written), int(writer.written.sum())
    if there:
        notice(f"{what}: {there:,} of {n:,} {items} are there already, of a build that was cut off")
    with progress_bar(what, n) as advance:
        advance(there)
        yield advance


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep torch to one thread per operation, so that worker threads do not fight over cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

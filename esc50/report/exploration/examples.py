"""Examples of every class: heard, and seen as waveform and log-mel."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from esc50.audio.spec import Spec
from esc50.data.features import profiles
from esc50.data.progress_bar import progress_bar
from esc50.errors import UserError
from esc50.report.exploration.statistics import ClipStatistics
from esc50.report.media import clip_sound, logmel_uri, waveform_path


@dataclass(frozen=True)
class Example:
    """A clip to look at and to hear."""

    clip: int
    name: str
    words: str  # its fold and numbers
    logmel: str
    outline: str | None  # of the waveform; None where the clip is gone
    sound: str | None


def choose_examples(statistics: ClipStatistics, per_class: int) -> list[list[int]]:
    """Choose clips of every class, of as many recordings as there are, spread over the table."""
    chosen = []
    for target in range(len(statistics.table.classes)):
        clips = np.flatnonzero(statistics.table.targets == target)
        _, first = np.unique(statistics.table.sources[clips], return_index=True)
        ordered = [*np.sort(first), *np.setdiff1d(np.arange(len(clips)), first)]
        of_sources = clips[ordered[: max(len(first), per_class)]]
        places = np.linspace(0, len(of_sources) - 1, min(per_class, len(of_sources)))
        chosen.append(sorted({int(of_sources[int(place)]) for place in places}))
    return chosen


def show_examples(
    statistics: ClipStatistics,
    features: Mapping[str, np.ndarray],
    spec: Spec,
    per_class: int,
    seconds: float,
    workers: int | None,
) -> list[list[Example]]:
    """Make the examples of each class, in threads.

    Args:
        statistics: of the clips.
        features: of the clips; see `clip_features`.
        spec: of the features.
        per_class: how many, at the most.
        seconds: of sound, at the most.
        workers: threads; None: one per core.
    """
    chosen = choose_examples(statistics, per_class)
    table, paths = statistics.table, statistics.table.paths

    def one(clip: int) -> Example:
        measures = statistics.measures[clip]
        try:
            heard = table.read(clip, spec.sample_rate, spec.n_samples, spec.channel)
            outline = waveform_path(heard.samples)
        except UserError:
            outline = None
        words = (
            f"fold {table.folds[clip]}, {measures.duration:.2f}\N{NO-BREAK SPACE}s, "
            f"centroid {measures.centroid:,.0f}\N{NO-BREAK SPACE}Hz, "
            f"{measures.rms_dbfs:.1f}\N{NO-BREAK SPACE}dBFS"
        )
        picture = logmel_uri(profiles(features)[clip, 0])
        sound = clip_sound(paths[clip], seconds, spec.channel, table.span(clip))
        return Example(clip, table.filenames[clip], words, picture, outline, sound)

    clips = [clip for group in chosen for clip in group]
    made = {}
    with (
        progress_bar("examples", len(clips)) as advance,
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
    ):
        for example in pool.map(one, clips):
            made[example.clip] = example
            advance()
    return [[made[clip] for clip in group] for group in chosen]

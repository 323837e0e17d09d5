"""Clips that are there more than once, exactly or nearly, and the sides of a split they are on."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esc50.data.near import Profiles, nearest_pairs
from esc50.data.split import Split
from esc50.data.tables.table import ClipTable


@dataclass(frozen=True)
class Duplicates:
    """Groups of clips, as indices: of the same bytes, and of nearly the same log-mel."""

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]  # pairs: a clip and the one that is most like it


def find_duplicates(digests: Sequence[str], logmels: np.ndarray) -> Duplicates:
    """Compare all clips with each other.

    Args:
        digests: one per clip, of the audio bytes.
        logmels: float (clips, 1, height, width); see `esc50.data.near.NEAR`.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for clip, digest in enumerate(digests):
        groups[digest].append(clip)
    profiles = Profiles(logmels, np.array([group[0] for group in groups.values()]))
    near = {(min(pair), max(pair)) for pair in nearest_pairs(profiles, profiles)}
    exact = tuple(tuple(group) for group in groups.values() if len(group) > 1)
    return Duplicates(exact, tuple(sorted(near)))


def clip_sides(split: Split, n_clips: int) -> list[str]:
    """Name the side that each clip is on: train, val, test; "" for none, "train+test" for two."""
    sides: list[list[str]] = [[] for _ in range(n_clips)]
    for name in ("train", "val", "test"):
        for clip in np.unique(split.clip_of[getattr(split, name)]):
            sides[clip].append(name)
    return ["+".join(names) for names in sides]


def straddles(clips: Sequence[int], sides: Sequence[str]) -> bool:
    """Say whether clips are on more than one side."""
    return len({sides[clip] for clip in clips if sides[clip]}) > 1


def shared_sources(table: ClipTable) -> dict[str, list[str]]:
    """Sources that are filed under several classes, and these."""
    classes: dict[str, set[int]] = defaultdict(set)
    for source, target in zip(table.sources.tolist(), table.targets.tolist(), strict=True):
        classes[source].add(target)
    return {
        source: [table.classes[target] for target in sorted(targets)]
        for source, targets in classes.items()
        if len(targets) > 1
    }

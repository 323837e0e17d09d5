"""The leakage audit: what lies on both sides of a split that should not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from esc50.data.split import Split
from esc50.data.table import ClipTable

NEAR = 0.98  # correlation of two clips' log-mels above which they count as near-duplicates
SHRINK = 4  # cells averaged each way before clips are compared
BLOCK = 256  # clips compared at a time
SIDES = (("val", "train"), ("test", "train"), ("test", "val"))
WEIGHTS = "starting weights"  # the side of clips that a network had seen before this training


@dataclass(frozen=True)
class Seen:
    """Digests of the clips that weights were trained on, and of those they were chosen on."""

    trained: frozenset[str] = frozenset()
    chosen: frozenset[str] = frozenset()

    def __or__(self, other: "Seen") -> "Seen":
        """Join what two trainings have seen."""
        return Seen(self.trained | other.trained, self.chosen | other.chosen)

    @classmethod
    def by(cls, split: Split, digests: Sequence[str]) -> "Seen":
        """Say what a training on this split sees; `digests` has one per clip."""
        sides = (np.unique(split.clip_of[side]) for side in (split.train, split.val))
        return cls(*(frozenset(digests[clip] for clip in side) for side in sides))


@dataclass(frozen=True)
class Crossing:
    """What lies on two sides: its kind, its name, the sides, and the clips on each of them."""

    kind: str  # clip, copy, source, duplicate or near-duplicate
    name: str
    sides: tuple[str, str]
    clips: tuple[tuple[str, ...], tuple[str, ...]]
    same_class: bool  # the label travels with it

    @property
    def label(self) -> str:
        """The kind in the plural, for counts."""
        classes = " of one class" if self.same_class else " under two classes"
        plural = "copies" if self.kind == "copy" else f"{self.kind}s"
        return plural + (classes if self.kind == "source" else "")

    @property
    def leaks(self) -> bool:
        """Whether it tells the network the answer.

        A clip, its copy or its exact duplicate always does. Another take of the same source
        does where it has the same class: ESC-50's own folds hold four sources filed under two
        classes each, which tell nothing, or the wrong thing. Near-duplicates are for people to
        judge.
        """
        return self.kind in ("clip", "copy", "duplicate") or (
            self.kind == "source" and self.same_class
        )


@dataclass(frozen=True)
class Audit:
    """All crossings of one split."""

    crossings: tuple[Crossing, ...]
    n_test: int  # tested clips
    checked: tuple[str, ...] = field(default=("clips", "copies", "sources"))

    @property
    def leaky(self) -> bool:
        """Whether anything leaks, so that accuracies on this split are too good."""
        return any(crossing.leaks for crossing in self.crossings)

    @property
    def tested_in_training(self) -> int:
        """Count the tested clips that are, or have a copy or duplicate, in training."""
        return len(self._tested(("clip", "copy", "duplicate"), ("train", WEIGHTS)))

    @property
    def tested_with_sibling(self) -> int:
        """Count the tested clips with another take of their source, same class, in training."""
        return len(self._tested(("source",), ("train", WEIGHTS)))

    @property
    def tested_with_sibling_or_val(self) -> int:
        """Count them with such a take in training or validation: everything that is not tested."""
        return len(self._tested(("source",), ("train", "val", WEIGHTS)))

    def _tested(self, kinds: tuple[str, ...], others: tuple[str, ...]) -> set[str]:
        return {
            clip
            for crossing in self.crossings
            if crossing.sides[0] == "test" and crossing.sides[1] in others
            if crossing.kind in kinds and crossing.leaks
            for clip in crossing.clips[0]
        }

    @property
    def sentence(self) -> str:
        """The audit in one line."""
        names: dict[str, set[str]] = {}
        for crossing in self.crossings:
            before = f" seen by the {WEIGHTS}" if crossing.sides[1] == WEIGHTS else ""
            names.setdefault(crossing.label + before, set()).add(crossing.name)
        found = [f"{label}: {len(which)}" for label, which in names.items()]
        verdict = "LEAKY" if self.leaky else "no leak"
        what = f"on two sides are {', '.join(found)}" if found else "nothing on two sides"
        detail = ""
        if self.leaky and self.n_test:
            siblings, anywhere = self.tested_with_sibling, self.tested_with_sibling_or_val
            detail = (
                f"; of {self.n_test} tested clips {self.tested_in_training} are in training "
                f"themselves or as a copy, {siblings} by another take "
                f"({siblings / self.n_test:.1%}; {anywhere / self.n_test:.1%} with validation)"
            )
        return f"{verdict}: {what}{detail} (checked: {', '.join(self.checked)})"


def audit_split(
    table: ClipTable,
    split: Split,
    digests: Sequence[str] | None = None,
    logmels: np.ndarray | None = None,
    seen: Seen | None = None,
) -> Audit:
    """Look for clips, copies, sources and duplicates on two sides of a split.

    What the weights that training starts from have seen is a side of its own: a clip they were
    trained on must be neither validated nor tested, one they were chosen on must not be tested.

    Args:
        table: the clips.
        split: items on each side.
        digests: one per clip, of the audio bytes; equal ones are exact duplicates.
        logmels: float (clips, channels, height, width); nearly equal ones are near-duplicates.
        seen: by the weights that training starts from; needs `digests`.
    """
    crossings: list[Crossing] = []
    for one, other in SIDES:
        items = (getattr(split, one), getattr(split, other))
        crossings += _shared_clips(table, split, (one, other), items)
        clips = (np.unique(split.clip_of[items[0]]), np.unique(split.clip_of[items[1]]))
        crossings += _shared_names("source", table, table.sources, (one, other), clips)
        if digests is not None:
            names = np.asarray(digests)
            crossings += _shared_names("duplicate", table, names, (one, other), clips)
        if logmels is not None:
            crossings += _near(table, logmels, (one, other), clips)
    if seen is not None and digests is not None:
        crossings += _seen_before(table, split, digests, seen)
    checked = ["clips", "copies", "sources"]
    checked += ["exact duplicates"] if digests is not None else []
    checked += ["near-duplicates"] if logmels is not None else []
    checked += [WEIGHTS] if seen is not None and digests is not None else []
    return Audit(tuple(crossings), len(split.test), tuple(checked))


def describe(audit: Audit) -> list[str]:
    """List every crossing in a line, the leaking ones first."""
    lines = []
    for crossing in sorted(audit.crossings, key=lambda c: (not c.leaks, c.kind, c.name)):
        here, there = (", ".join(clips) for clips in crossing.clips)
        one, other = crossing.sides
        verdict = "LEAKS " if crossing.leaks else "      "
        classes = "" if crossing.same_class else ", under different classes"
        lines.append(
            f"  {verdict}{crossing.kind} {crossing.name}{classes}: {one} {here} | {other} {there}"
        )
    return lines


def _shared_clips(
    table: ClipTable, split: Split, sides: tuple[str, str], items: tuple[np.ndarray, np.ndarray]
) -> list[Crossing]:
    """Clips on both sides as they are (kind clip), or by a copy on either (kind copy)."""
    found = []
    originals = [set(side[side < len(table)].tolist()) for side in items]
    both = [set(split.clip_of[side].tolist()) for side in items]
    for clip in sorted(both[0] & both[1]):
        kind = "clip" if clip in originals[0] and clip in originals[1] else "copy"
        name = table.filenames[clip]
        found.append(Crossing(kind, name, sides, ((name,), (name,)), True))
    return found


def _seen_before(
    table: ClipTable, split: Split, digests: Sequence[str], seen: Seen
) -> list[Crossing]:
    """Clips, and takes of sources, that the starting weights know the answer to."""
    found, names = [], np.asarray(digests)
    known = {"val": seen.trained, "test": seen.trained | seen.chosen}
    for side, digests_seen in known.items():
        clips = np.unique(split.clip_of[getattr(split, side)])
        theirs = np.flatnonzero(np.isin(names, list(digests_seen)))
        for clip in np.intersect1d(clips, theirs):
            name = table.filenames[clip]
            found.append(Crossing("clip", name, (side, WEIGHTS), ((name,), (name,)), True))
        takes = (clips, np.setdiff1d(theirs, clips))
        found += _shared_names("source", table, table.sources, (side, WEIGHTS), takes)
    return found


def _shared_names(
    kind: str,
    table: ClipTable,
    names: np.ndarray,
    sides: tuple[str, str],
    clips: tuple[np.ndarray, np.ndarray],
) -> list[Crossing]:
    """Sources or digests that different clips on the two sides share."""
    found, targets = [], table.targets
    for name in np.intersect1d(names[clips[0]], names[clips[1]]):
        ours, theirs = (side[names[side] == name] for side in clips)
        pairs = [(a, b) for a in ours for b in theirs if a != b]
        for same in (True, False):  # none where it is one clip on both sides: reported as such
            alike = [(a, b) for a, b in pairs if (targets[a] == targets[b]) == same]
            if alike:
                here, there = (sorted({table.filenames[pair[i]] for pair in alike}) for i in (0, 1))
                clips_of = (tuple(here), tuple(there))
                found.append(Crossing(kind, str(name), sides, clips_of, same))
    return found


def _near(
    table: ClipTable,
    logmels: np.ndarray,
    sides: tuple[str, str],
    clips: tuple[np.ndarray, np.ndarray],
) -> list[Crossing]:
    """Pairs of clips whose log-mels correlate above NEAR, at a quarter of the resolution."""
    found = []
    for a, b in near_pairs(logmels, clips):
        pair = (table.filenames[a], table.filenames[b])
        same = bool(table.targets[a] == table.targets[b])
        name = " ~ ".join(pair)
        found.append(Crossing("near-duplicate", name, sides, ((pair[0],), (pair[1],)), same))
    return found


def near_pairs(
    logmels: np.ndarray, clips: tuple[np.ndarray, np.ndarray]
) -> Iterator[tuple[int, int]]:
    """Find pairs of different clips, one of each set, that are near-duplicates.

    Args:
        logmels: float (clips, channels, height, width), of whose channels the first is one.
        clips: int64, the two sets.
    """
    if not all(side.size for side in clips):
        return
    ours, theirs = (_profiles(logmels, side) for side in clips)
    for start in range(0, len(ours), BLOCK):
        for at, match in np.argwhere(ours[start : start + BLOCK] @ theirs.T > NEAR):
            a, b = int(clips[0][start + at]), int(clips[1][match])
            if a != b:
                yield a, b


def _profiles(logmels: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Unit vectors whose products are correlations: float32 (clips, cells)."""
    height, width = logmels.shape[-2:]
    rows, columns = max(height // SHRINK, 1), max(width // SHRINK, 1)
    tall, wide = height // rows, width // columns
    flat = np.empty((len(clips), rows * columns), np.float32)
    for start in range(0, len(clips), BLOCK):  # a large set's log-mels do not fit in memory
        block = np.asarray(logmels[clips[start : start + BLOCK], 0])
        cut = block[:, : rows * tall, : columns * wide].reshape(-1, rows, tall, columns, wide)
        flat[start : start + BLOCK] = cut.mean((2, 4)).reshape(len(block), -1)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True).clip(1e-6)
    return flat

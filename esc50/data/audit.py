"""The leakage audit: what lies on both sides of a split that should not."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from esc50.data.near import NEAR, Profiles, nearest_pairs
from esc50.data.split import Split
from esc50.data.tables.parts import share_sound
from esc50.data.tables.table import ClipTable

SIDES = (("val", "train"), ("test", "train"), ("test", "val"))
SIDE_NAMES = ("train", "val", "test")
EARLIER = "earlier networks"  # the side of clips that starting weights or teachers have seen
WHY_NOT = {
    "source": "which tell nothing, or the wrong class",
    "near-duplicate": f"log-mels alike above {NEAR}: steady noises, or one sound recorded twice; "
    "esc50-audit lists them",
}  # why a crossing of this kind is no leak


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
        judge: of one sound recorded twice they do, of two fans they do not.
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
        return len(self._tested(("clip", "copy", "duplicate"), ("train", EARLIER)))

    @property
    def tested_with_sibling(self) -> int:
        """Count the tested clips with another take of their source, same class, in training."""
        return len(self._tested(("source",), ("train", EARLIER)))

    @property
    def tested_with_sibling_or_val(self) -> int:
        """Count them with such a take in training or validation: everything that is not tested."""
        return len(self._tested(("source",), ("train", "val", EARLIER)))

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
        leaks = [f"{label}: {count}" for label, count, _ in self._counted(leaking=True)]
        what = "LEAKY" if self.leaky else "no leak"
        if leaks:
            siblings, anywhere = self.tested_with_sibling, self.tested_with_sibling_or_val
            what += f": on two sides are {', '.join(leaks)}"
            if self.n_test:
                what += (
                    f"; of {self.n_test} tested clips {self.tested_in_training} are in training "
                    f"themselves or as a copy, {siblings} by another take "
                    f"({siblings / self.n_test:.1%}; {anywhere / self.n_test:.1%} with validation)"
                )
        for label, count, kind in self._counted(leaking=False):
            what += f"; not counted, {label}: {count} ({WHY_NOT[kind]})"
        return f"{what} (checked: {', '.join(self.checked)})"

    def _counted(self, leaking: bool) -> list[tuple[str, int, str]]:
        """What is on two sides and leaks, or does not: its label, how many there are, its kind."""
        names: dict[tuple[str, str], set[str]] = defaultdict(set)
        for crossing in self.crossings:
            if crossing.leaks == leaking:
                before = f" seen by the {EARLIER}" if crossing.sides[1] == EARLIER else ""
                names[crossing.label + before, crossing.kind].add(crossing.name)
        return [(label, len(which), kind) for (label, kind), which in names.items()]


def audit_split(
    table: ClipTable,
    split: Split,
    digests: Sequence[str] | None = None,
    logmels: np.ndarray | None = None,
    seen: Seen | None = None,
) -> Audit:
    """Look for clips, copies, sources and duplicates on two sides of a split.

    What the weights that training starts from, and its teachers, have seen is a side of its own: a
    clip they were trained on must be neither validated nor tested, one they were chosen on must not
    be tested.

    Args:
        table: the clips.
        split: items on each side.
        digests: one per clip, of the audio bytes; equal ones are exact duplicates.
        logmels: float (clips, channels, height, width); of each clip that is nearly equal to others
            on the other side, the one most like it is its near-duplicate, or, where they are equal
            to the last digit, its duplicate.
        seen: by the weights that training starts from, and by teachers; needs `digests`.
    """
    crossings: list[Crossing] = []
    clips_of = {side: np.unique(split.clip_of[getattr(split, side)]) for side in SIDE_NAMES}
    profiles = {}
    if logmels is not None:
        profiles = {side: Profiles(logmels, clips) for side, clips in clips_of.items()}
    group = None if digests is None else np.unique(np.asarray(digests), return_inverse=True)[1]
    for one, other in SIDES:
        items = (getattr(split, one), getattr(split, other))
        crossings += _shared_clips(table, split, (one, other), items)
        clips = (clips_of[one], clips_of[other])
        crossings += _shared_names("source", table, table.sources, (one, other), clips)
        if digests is not None:
            names = np.asarray(digests)
            crossings += _shared_names("duplicate", table, names, (one, other), clips)
        if logmels is not None:
            pairs = nearest_pairs(profiles[one], profiles[other], group)
            crossings += _near(table, (one, other), pairs, logmels)
    if seen is not None and digests is not None:
        crossings += _seen_before(table, split, digests, seen)
    checked = ["clips", "copies", "sources"]
    checked += ["exact duplicates"] if digests is not None else []
    checked += ["near-duplicates"] if logmels is not None else []
    checked += [EARLIER] if seen is not None and digests is not None else []
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
    """Clips, or parts of them, and takes of sources, that earlier networks know the answer to."""
    found: list[Crossing] = []
    known = {"val": seen.trained, "test": seen.trained | seen.chosen}
    for side, digests_seen in known.items():
        clips = np.unique(split.clip_of[getattr(split, side)])
        theirs = np.flatnonzero(share_sound(digests, digests_seen))
        for clip in np.intersect1d(clips, theirs):
            name = table.filenames[clip]
            found.append(Crossing("clip", name, (side, EARLIER), ((name,), (name,)), True))
        takes = (clips, np.setdiff1d(theirs, clips))
        found += _shared_names("source", table, table.sources, (side, EARLIER), takes)
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
    ours, theirs = (_by_name(names, side) for side in clips)
    for name in sorted(ours.keys() & theirs.keys()):
        both = (ours[name], theirs[name])
        for same in (True, False):  # none where it is one clip on both sides: reported as such
            here, there = (
                tuple(sorted({table.filenames[clip] for clip in alike}))
                for alike in (_matched(*both, targets, same), _matched(*both[::-1], targets, same))
            )
            if here:
                found.append(Crossing(kind, name, sides, (here, there), same))
    return found


def _by_name(names: np.ndarray, clips: np.ndarray) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for clip, name in zip(clips.tolist(), names[clips].tolist(), strict=True):
        found[name].append(clip)
    return found


def _matched(ours: list[int], theirs: list[int], targets: np.ndarray, same: bool) -> list[int]:
    """Those of ours that another clip of theirs has the same class as, or another."""
    of_class, there = Counter(targets[theirs].tolist()), set(theirs)
    return [
        clip
        for clip in ours
        if (
            of_class[targets[clip]] > (clip in there)
            if same
            else len(theirs) > of_class[targets[clip]]
        )
    ]


def _near(
    table: ClipTable, sides: tuple[str, str], pairs: list[tuple[int, int]], logmels: np.ndarray
) -> list[Crossing]:
    """Clips with what they sound like on the other side, or are there in a file of other bytes."""
    found = []
    for a, b in pairs:
        pair = (table.filenames[a], table.filenames[b])
        same = bool(table.targets[a] == table.targets[b])
        name = " ~ ".join(pair)
        # One sound as WAV and as FLAC, or under two titles, has the same log-mel to the last digit.
        kind = "duplicate" if np.array_equal(logmels[a], logmels[b]) else "near-duplicate"
        found.append(Crossing(kind, name, sides, ((pair[0],), (pair[1],)), same))
    return found

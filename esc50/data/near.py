"""Near-duplicates: clips whose log-mels look alike, found among any number of clips."""

import numpy as np

NEAR = 0.98  # correlation of two clips' log-mels above which they count as near-duplicates
GRID = 32  # rows and columns that clips are compared at, whatever the picture's size
COARSE = 8  # rows and columns of the glance that spares most comparisons
BLOCK = 256  # clips at a time: the log-mels of a large set do not fit in memory
AT_ONCE = 4096  # clips that a block is compared with


class Profiles:
    """Clips as unit vectors whose products are correlations, 4.4 kB each.

    A vector is its averages over COARSE x COARSE fields and a rest at a right angle to them. So
    no product is larger than that of the averages plus that of the lengths of the rests: only where
    this sum, of 65 numbers instead of 1024, is above NEAR need it be computed.
    """

    def __init__(self, logmels: np.ndarray, clips: np.ndarray):
        """Take the log-mels, float (clips, 1, height, width), of some clips, int64."""
        self.clips = clips
        rows, columns = (_weights(size, min(size, GRID)) for size in logmels.shape[-2:])
        fields = [min(len(weights), COARSE) for weights in (rows, columns)]
        self.vectors = np.empty((len(clips), len(rows) * len(columns)), np.float32)
        self.bounds = np.empty((len(clips), fields[0] * fields[1] + 1), np.float32)
        for start in range(0, len(clips), BLOCK):
            part = slice(start, start + BLOCK)
            cells = rows @ np.asarray(logmels[clips[part], 0], np.float32) @ columns.T
            cells -= cells.mean((1, 2), keepdims=True)
            cells /= np.linalg.norm(cells, axis=(1, 2), keepdims=True).clip(1e-6)
            self.vectors[part] = cells.reshape(len(cells), -1)
            self.bounds[part] = _glances(cells, *fields)


def nearest_pairs(
    ours: Profiles, theirs: Profiles, group: np.ndarray | None = None
) -> list[tuple[int, int]]:
    """Pair each clip that has near-duplicates with the one that is most like it.

    Args:
        ours: the clips.
        theirs: among which its partner is looked for.
        group: int64, by the clips' numbers: those of one group (exact duplicates) are no
            near-duplicates of each other; None: all differ.

    Returns:
        Numbers of the clips, in the order of ours.
    """
    found: list[tuple[int, int]] = []
    numbers = (ours.clips, theirs.clips)
    labels = numbers if group is None else (group[numbers[0]], group[numbers[1]])
    for start in range(0, len(ours.clips), BLOCK):
        part = slice(start, start + BLOCK)
        likely = (ours.bounds[part] @ theirs.bounds.T > NEAR - 1e-5).any(0)
        best = np.full(len(ours.clips[part]), NEAR, np.float32)
        partner = np.full(len(best), -1)
        for columns in np.split(np.flatnonzero(likely), range(AT_ONCE, likely.sum(), AT_ONCE)):
            alike = ours.vectors[part] @ theirs.vectors[columns].T
            alike[labels[0][part, None] == labels[1][columns]] = -1  # itself, or the same bytes
            if columns.size:
                which = alike.argmax(1)
                value = alike[np.arange(len(alike)), which]
                partner[value > best] = columns[which[value > best]]
                best = np.maximum(best, value)
        for at in np.flatnonzero(partner >= 0):
            found.append((int(ours.clips[start + at]), int(theirs.clips[partner[at]])))
    return found


def _weights(size: int, parts: int) -> np.ndarray:
    """What each of `size` cells counts in the averages of `parts` equal parts: (parts, size)."""
    ends = np.arange(1, parts + 1)[:, None] * size / parts
    cells = np.arange(size)
    overlap = np.minimum(ends, cells + 1) - np.maximum(ends - size / parts, cells)
    return (overlap.clip(0) * parts / size).astype(np.float32)


def _glances(cells: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Fields' averages, scaled to keep lengths, and the length of what they leave out."""
    height, width = cells.shape[1:]
    rows, columns = np.arange(n_rows) * height // n_rows, np.arange(n_columns) * width // n_columns
    sizes = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    sums = np.add.reduceat(np.add.reduceat(cells, rows, 1), columns, 2)
    fields = (sums / np.sqrt(sizes)).reshape(len(cells), -1)
    rest = (cells**2).sum((1, 2)) - (fields**2).sum(1)
    return np.column_stack([fields, np.sqrt(rest.clip(0))])

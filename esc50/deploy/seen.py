"""What networks have seen of the clips that they are tested on."""

from collections.abc import Sequence

import numpy as np

from esc50.data.audit import Audit, Seen, audit_split
from esc50.data.split import Split
from esc50.data.tables.table import ClipTable
from esc50.model.trained import TrainedModel


def seen_by(models: Sequence[TrainedModel]) -> Seen | None:
    """Say which clips the networks were trained and chosen on; None where one does not say."""
    seen = Seen()
    for model in models:
        told = model.specification.get("seen")
        if told is None:
            return None
        seen |= Seen(frozenset(told["trained"]), frozenset(told["chosen"]))
    return seen


def audit_seen(
    table: ClipTable,
    clips: np.ndarray,
    digests: Sequence[str],
    seen: Seen | None,
    logmels: np.ndarray | None = None,
) -> Audit:
    """Look for tested clips, or takes of their sources, that networks know the answer to.

    Args:
        table: all clips of the data set.
        clips: int64, those that are tested.
        digests: one per clip of the table, see `ClipTable.identify`.
        seen: by the networks; None: not known, and not checked.
        logmels: see `audit_split`.
    """
    none = np.zeros(0, np.int64)
    split = Split(train=none, val=none, test=clips, clip_of=np.arange(len(table)))
    return audit_split(table, split, digests, logmels, seen)

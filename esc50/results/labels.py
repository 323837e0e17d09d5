"""The words that must stand beside a run's numbers, spelled here and nowhere else."""

from collections.abc import Iterable, Mapping
from typing import Any

LEAKY, SYNTHETIC = "LEAKY", "synthetic sound"


def flags(each: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Say of numbers that several together make whether any of them is leaky, or synthetic.

    Args:
        each: see `labels`.
    """
    all_of_them = list(each)
    return {key: any(bool(one.get(key)) for one in all_of_them) for key in ("leaky", "synthetic")}


def labels(results: Mapping[str, Any]) -> list[str]:
    """List the words that must stand beside all numbers of a run or a summary.

    Args:
        results: anything with `leaky` and `synthetic`: results.json, a summary, a ledger's row.
    """
    words = ((LEAKY, results.get("leaky")), (SYNTHETIC, results.get("synthetic")))
    return [word for word, holds in words if holds]


def label(results: Mapping[str, Any]) -> str:
    """Write these words in brackets, to follow a name: " (LEAKY, synthetic sound)", or ""."""
    words = labels(results)
    return f" ({', '.join(words)})" if words else ""


def mark(leaky: object) -> str:
    """Write what follows a single number or a column's name: " LEAKY", or ""."""
    return f" {LEAKY}" if leaky else ""


def tag(leaky: object, name: str) -> str:
    """Name a number in TensorBoard: "LEAKY/test/acc", or the name as it is."""
    return f"{LEAKY}/{name}" if leaky else name


def started_from(results: Mapping[str, Any]) -> str | None:
    """Say which weights a run started from, and of those of others what they have seen.

    None for a run from scratch.
    """
    seen = results.get("pretrained_on")
    if seen and any(name in seen for name in ("AudioSet", "LAION")):
        seen = f"{seen} (ESC-50's own sources may be in it)"
    parts = [part for part in (results.get("origin"), seen) if part]
    return ", before that ".join(map(str, parts)) or None


def joined(words: Iterable[str | None]) -> str | None:
    """What several runs say of one thing, each word but once; None where none says anything."""
    return ", ".join(dict.fromkeys(filter(None, words))) or None

"""Two recipes compared on the same test clips: by folds, by clips, by recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from esc50.errors import UserError
from esc50.results.display.tables import Table
from esc50.results.labels import SYNTHETIC, mark
from esc50.results.predictions import Run, in_order, read_run, run_name

RESAMPLES = 10_000
OTHER_DATA = (  # where same_data is False
    "their data_digest differs: the clips have the same names and targets, but not the same sound, "
    "sources or folds"
)
CHUNK = 500  # resamples at a time: some 15 MB for the 1,524 recordings of ESC-50


class IncomparableError(UserError):
    """Two recipes cannot be compared.

    Attributes:
        why: in a few words that need no names, to follow "they".
    """

    def __init__(self, message: str, why: str) -> None:
        """Take the whole sentence, and why in short."""
        super().__init__(message)
        self.why = why


def compare(
    a: Sequence[Path], b: Sequence[Path], names: tuple[str, str] = ("A", "B")
) -> dict[str, Any]:
    """Compare two recipes on the folds and seeds that both have.

    Differences are A's accuracy minus B's.

    Args:
        a: run folders of the first recipe.
        b: run folders of the second.
        names: what to call them.

    Returns:
        names, leaky (two), synthetic, pairs (seed, fold, a, b, difference), missing (names of runs
        that only one has), same_data (whether both say they read the same), acc (two) and
        difference (means over folds of the means over seeds), t_ci95 and t_p (paired t over folds;
        None for one fold), bootstrap_ci95 (see `paired_bootstrap`), mcnemar (only_a, only_b, p; see
        `mcnemar`), n_clips, n_sources.

    Raises:
        IncomparableError: no fold and seed in common, other test clips or targets.
        UserError: a damaged run.
    """
    runs_a = {run.seed_and_fold: run for run in map(read_run, a)}
    runs_b = {run.seed_and_fold: run for run in map(read_run, b)}
    common = sorted(runs_a.keys() & runs_b.keys(), key=in_order)
    missing = {
        run_name(*key): f"only {names[key not in runs_a]} has it"
        for key in sorted(runs_a.keys() ^ runs_b.keys(), key=in_order)
    }
    if not common:
        why = "have no fold with one seed in common"
        lacking = "; ".join(f"{name}: {whose}" for name, whose in missing.items())
        raise IncomparableError(
            f"{names[0]} and {names[1]} {why} ({lacking}): run what is missing", why
        )
    aligned = [_align(runs_a[key], runs_b[key]) for key in common]
    clips, right_a, right_b = (np.concatenate(part) for part in zip(*aligned, strict=True))
    source_of = {
        clip: source
        for run in runs_a.values()
        for clip, source in zip(run.clips, run.sources, strict=True)
    }
    sources = np.array([source_of[clip] for clip in clips])
    pairs = [_pair(key, runs_a[key], runs_b[key]) for key in common]
    folds = sorted({fold for _, fold in common})
    by_fold = {
        side: [np.mean([pair[side] for pair in pairs if pair["fold"] == fold]) for fold in folds]
        for side in ("a", "b", "difference")
    }
    interval, p = paired_t(by_fold["difference"])
    digests = [
        {runs[key].results.get("data_digest") for key in common} for runs in (runs_a, runs_b)
    ]
    return {
        "names": list(names),
        "leaky": [_any(runs_a, common, "leaky"), _any(runs_b, common, "leaky")],
        "synthetic": _any(runs_a, common, "synthetic"),
        "pairs": pairs,
        "missing": missing,
        "same_data": digests[0] == digests[1],
        "acc": [float(np.mean(by_fold[side])) for side in ("a", "b")],
        "difference": float(np.mean(by_fold["difference"])),
        "t_ci95": interval,
        "t_p": p,
        "bootstrap_ci95": list(paired_bootstrap(right_a, right_b, sources)),
        "mcnemar": mcnemar(right_a, right_b, clips),
        "n_clips": len(set(clips)),
        "n_sources": len(set(sources)),
    }


def paired_t(differences: Sequence[float]) -> tuple[list[float] | None, float | None]:
    """Give the mean difference's 95% interval and two-sided p of the paired t test over folds.

    The folds share training clips, so the interval is somewhat narrow (Nadeau and Bengio, Machine
    Learning 52, 2003): read it beside the other two. None where folds are too few or do not vary.
    """
    from scipy.stats import ttest_1samp

    if len(differences) < 2 or np.ptp(differences) < 1e-12:
        return None, None
    test = ttest_1samp(differences, 0.0)
    interval = test.confidence_interval(0.95)
    return [float(interval.low), float(interval.high)], float(test.pvalue)


def mcnemar(right_a: np.ndarray, right_b: np.ndarray, clips: np.ndarray) -> dict[str, Any]:
    """Test by the clips that only one recipe gets right: McNemar's exact test (1947).

    A clip tested with several seeds counts once, for the recipe that got it right more often (the
    sign test on clips), since its tests are not independent.

    Args:
        right_a: bool (n,), whether the first recipe's tests were right.
        right_b: bool (n,), the second's, of the same clips and seeds.
        clips: str (n,), the clip of each test.

    Returns:
        only_a and only_b (numbers of clips) and p (two-sided, binomial; 1 if there are none).
    """
    from scipy.stats import binomtest

    clip = np.unique(clips, return_inverse=True)[1]
    lead = np.bincount(clip, right_a.astype(int) - right_b.astype(int))
    only_a, only_b = int((lead > 0).sum()), int((lead < 0).sum())
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": p}


def paired_bootstrap(
    right_a: np.ndarray, right_b: np.ndarray, sources: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Give the 95% percentile interval of the difference of pooled accuracies.

    10,000 resamples of whole recordings, so that clips cut from one stay together, with both
    recipes' tests of a clip (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).

    Args:
        right_a: bool (n,), whether the first recipe's tests were right.
        right_b: bool (n,), the second's, of the same clips.
        sources: str (n,), the recording of each test's clip.
        seed: of the resampling.
    """
    source = np.unique(sources, return_inverse=True)[1]
    lead = np.bincount(source, right_a.astype(int) - right_b.astype(int))
    size = np.bincount(source)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(RESAMPLES // CHUNK):
        drawn = rng.integers(0, len(size), (CHUNK, len(size)))
        differences.append(lead[drawn].sum(1) / size[drawn].sum(1))
    low, high = np.percentile(np.concatenate(differences), [2.5, 97.5])
    return float(low), float(high)


def comparison_table(result: dict[str, Any]) -> Table:
    """Write a comparison as a table by fold, with the tests below."""
    (a, b), marks = result["names"], [mark(leaky) for leaky in result["leaky"]]
    either = mark(any(marks))
    table = Table(
        f"{a}{marks[0]} against {b}{marks[1]}" + f" · {SYNTHETIC}" * result["synthetic"],
        ["run", f"{a}{marks[0]}", f"{b}{marks[1]}", f"difference{either}"],
    )
    for pair in result["pairs"]:
        cells = [f"{pair['a']:.2%}", f"{pair['b']:.2%}", f"{pair['difference']:+.2%}"]
        table.rows.append([run_name(pair["seed"], pair["fold"]), *cells])
    mean_a, mean_b = result["acc"]
    table.rows.append(["mean", f"{mean_a:.2%}", f"{mean_b:.2%}", f"{result['difference']:+.2%}"])
    test = result["mcnemar"]
    low, high = result["bootstrap_ci95"]
    lines = [
        f"paired t over folds: {_interval(result['t_ci95'])}"
        + (f", p = {result['t_p']:.3g}" if result["t_p"] is not None else ""),
        f"bootstrap over {result['n_sources']} recordings ({result['n_clips']} clips): "
        f"95% interval {low:+.2%} to {high:+.2%}",
        f"McNemar, exact: only {a} right {test['only_a']}, only {b} right {test['only_b']}, "
        f"p = {test['p']:.3g}",
    ]
    left_out = [f"left out: {name}, {why}" for name, why in result["missing"].items()]
    if not result["same_data"]:
        left_out.append(OTHER_DATA)
    table.note = "\n".join([*(f"{line}{either}" for line in lines), *left_out])
    return table


def _interval(ends: list[float] | None) -> str:
    if ends is None:
        return "no interval (it takes two folds that differ)"
    return f"95% interval {ends[0]:+.2%} to {ends[1]:+.2%}"


def _any(runs: dict[tuple[int, int], Run], keys: list[tuple[int, int]], name: str) -> bool:
    return any(bool(runs[key].results.get(name)) for key in keys)


def _pair(key: tuple[int, int], a: Run, b: Run) -> dict[str, Any]:
    ours, theirs = a.results["test/acc"], b.results["test/acc"]
    return {"seed": key[0], "fold": key[1], "a": ours, "b": theirs, "difference": ours - theirs}


def _align(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put two runs' tests into one order: clips, whether a was right, whether b was."""
    order_a, order_b = np.argsort(a.clips, kind="stable"), np.argsort(b.clips, kind="stable")
    clips = a.clips[order_a]
    if not np.array_equal(clips, b.clips[order_b]):
        differing = len(set(a.clips) ^ set(b.clips))
        raise IncomparableError(
            f"{a.folder} and {b.folder} were tested on other clips ({differing} that only one "
            "has): recipes can be compared on one data set and split only",
            "were tested on other clips",
        )
    if not np.array_equal(a.labels[order_a], b.labels[order_b]):
        says = "give the same clips other targets"
        raise IncomparableError(f"{a.folder} and {b.folder} {says}", says)
    right_a, right_b = a.labels == a.predicted_labels, b.labels == b.predicted_labels
    return clips, right_a[order_a], right_b[order_b]

"""Two reports side by side: what changed by more than noise.

A measurement's noise is the standard error of its median, 1.25 s / sqrt(n), with s the standard
deviation of its n turns, or the report's usual one where that is larger: a few turns may agree by
chance, and one turn has none. A change counts that is larger than three times both reports' errors
together, and than 3%.
"""

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.table import Measurement, measurements, number
from esc50.errors import UserError
from esc50.results.display.tables import Table

ERRORS = 3  # so many standard errors are no chance
LEAST = 0.03  # a smaller change is of no interest
UNKNOWN = 0.1  # spread of a report that took one turn of everything
MEDIAN_ERROR = 1.25  # standard error of a median over that of a mean, for normal noise
SAME = ("processor", "cores", "gpu", "torch", "threads", "precision")


@dataclass(frozen=True)
class Change:
    """One measurement then and now.

    Attributes:
        then: in the old report.
        now: in the new one.
        ratio: how many times better it is now; below 1, worse.
        noise: the smallest relative change that is none.
    """

    then: Measurement
    now: Measurement
    ratio: float
    noise: float

    @property
    def counts(self) -> bool:
        """Whether it is more than noise."""
        return abs(math.log(self.ratio)) > self.noise


def read_report(path: Path) -> dict:
    """Read a report's JSON.

    Raises:
        UserError: there is no such file, or it is not a benchmark's.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserError(f"{path} is no JSON: --compare takes what --json wrote") from None
    if not isinstance(report, dict) or not {"machine", "rows"} <= report.keys():
        raise UserError(f"{path} is not a benchmark's report: --compare takes what --json wrote")
    return report


def changes(old: dict, new: dict) -> list[Change]:
    """Compare what both reports measured."""
    before = {one.key: one for one in measurements(old) if one.median}
    after = {one.key: one for one in measurements(new) if one.median}
    usual = [_usual_spread(side.values()) for side in (before, after)]
    found = []
    for key in before.keys() & after.keys():
        then, now = before[key], after[key]
        assert then.median and now.median  # what has none was left out above
        if then.unit == "check" or min(then.median, now.median) < 0:
            continue  # of a difference that is nothing but noise there is no ratio
        ratio = now.median / then.median if then.unit.endswith("/s") else then.median / now.median
        errors = [_error(one, least) for one, least in zip((then, now), usual, strict=True)]
        found.append(Change(then, now, ratio, max(LEAST, ERRORS * math.hypot(*errors))))
    order = {key: place for place, key in enumerate(after)}
    return sorted(found, key=lambda change: order[change.now.key])


def compare(old: dict, new: dict) -> Table:
    """Lay out what changed by more than noise; the note says what did not, and what of the machine.

    What is not ours (other libraries, the bare transform) changes only with the machine: the note
    says how much it did.
    """
    table = Table(
        "Changed by more than noise",
        ["", "measured", "then", "now", "unit", "change", "noise"],
        n_names=2,
    )
    found = changes(old, new)
    for change in found:
        if change.counts:
            better = "better" if change.ratio > 1 else "worse"
            factor = max(change.ratio, 1 / change.ratio)
            table.rows.append(
                [
                    change.now.part,
                    change.now.what,
                    number(change.then.median),
                    number(change.now.median),
                    change.now.unit,
                    f"{factor:.2f}x {better}",
                    f"{math.expm1(change.noise):.0%}",
                ]
            )
    table.note = "\n".join(_notes(old, new, found))
    return table


def _notes(old: dict, new: dict, found: list[Change]) -> list[str]:
    rest = sum(not change.counts for change in found)
    notes = [f"{rest} of {len(found)} measurements changed by no more than noise."]
    theirs = [change.ratio for change in found if not change.now.ours]
    if theirs:
        drift = statistics.median(theirs)
        notes.append(
            f"What is not ours is at {drift:.2f} times its old speed (median): what of it differs "
            "from 1 is the machine's."
        )
    keys = [{one.key for one in measurements(report) if one.values} for report in (old, new)]
    for what, some in (("only then", keys[0] - keys[1]), ("only now", keys[1] - keys[0])):
        if some:
            notes.append(f"{what}: {', '.join(sorted(f'({k[0]}) {k[1]}' for k in some))}.")
    for name in SAME:
        then, now = (report["machine"].get(name) for report in (old, new))
        if then != now:
            notes.append(f"{name} differs: {then} then, {now} now.")
    for name in ("extent", "clips"):
        if old.get(name) != new.get(name):
            notes.append(f"{name} differs: {old.get(name)} then, {new.get(name)} now.")
    return notes


def _usual_spread(some: Iterable[Measurement]) -> float:
    spreads = [one.spread for one in some if one.spread is not None]
    return statistics.median(spreads) if spreads else UNKNOWN


def _error(one: Measurement, usual: float) -> float:
    return MEDIAN_ERROR * max(one.spread or 0.0, usual) / math.sqrt(len(one.values))

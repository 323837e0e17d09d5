"""The benchmark's report as a table: one line per measurement, of 80 columns at the most."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import wrap

from esc50.results.display.layout import GAP
from esc50.results.display.tables import Table

WIDTH = 80  # characters, on a screen and in a pipe
COLUMNS = ["", "measured", "median", "unit", "spread", "ours is", "MiB"]


@dataclass(frozen=True)
class Measurement:
    """One contestant at one task.

    Attributes:
        part: of the benchmark.
        what: was done, and by whom where it is not this package.
        unit: of the values; what ends in /s is better high, all else better low.
        values: of all turns.
        ours: whether this package did it.
        skipped: why there are no values.
        relation: of ours, what share of its limit it reaches; else how many times better ours is.
        peak_mib: largest memory of the process.
    """

    part: str
    what: str
    unit: str
    values: tuple[float, ...]
    ours: bool
    skipped: str | None = None
    relation: str = ""
    peak_mib: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What two reports have in common that measured the same."""
        return self.part, self.what, self.unit

    @property
    def median(self) -> float | None:
        """Median of the turns."""
        return statistics.median(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of the turns as a part of their median; None of less than two."""
        if len(self.values) < 2 or not self.median:
            return None
        return statistics.stdev(self.values) / abs(self.median)


def measurements(report: dict) -> list[Measurement]:
    """Take a report's rows apart: ours, what it is held against, the limit; each once."""
    found: dict[tuple[str, str, str], Measurement] = {}
    for row in report["rows"]:
        for one in _of_row(row):
            found.setdefault(one.key, one)
    return list(found.values())


def _of_row(row: dict) -> Iterator[Measurement]:
    part, what, unit = row["part"], row["what"], row["unit"]
    values, skipped = tuple(row["ours_values"]), row.get("ours_skipped")
    share = f"{row['share']:.0%}" if row["share"] else ""
    yield Measurement(part, what, unit, values, True, skipped, share, row["ours_peak_mib"])
    if row["against"]:
        ratio = f"{number(row['ratio'])}x" if row["ratio"] else ""
        other, skipped = tuple(row["other_values"]), row["other_skipped"]
        against = f"{what} | {row['against']}"
        yield Measurement(part, against, unit, other, False, skipped, ratio, row["other_peak_mib"])
    if row["limit_name"]:
        limit = f"limit | {row['limit_name']}"
        yield Measurement(part, limit, unit, tuple(row["limit_values"]), False)


def make_table(report: dict) -> Table:
    """Lay the measurements out; the note names the machine and what the columns say."""
    table = Table("Benchmark", list(COLUMNS), n_names=2, dispensable=["MiB"])
    reasons: dict[str, list[str]] = {}
    for one in measurements(report):
        shown = one.what if one.ours else f"  {one.what.rpartition(' | ')[2]}"
        if one.skipped:
            reasons.setdefault(one.skipped, []).append(shown.strip())
        spread = "" if one.spread is None else f"{one.spread:.0%}"
        peak = "" if one.peak_mib is None else number(one.peak_mib)
        unit = "" if one.unit == "check" else one.unit
        cells = [one.part, shown, _value(one), unit, spread, one.relation, peak]
        table.rows.append(cells)
    about = report["machine"]
    gpu = f", {about['gpu']}" if about["gpu"] else ""
    table.note = (
        f"{about['processor']}, {about['cores']} cores{gpu}, torch {about['torch']}, "
        f"{'bf16 used' if about['bf16'] else 'no bf16'}, load before the run {about['load']:.1f}; "
        f"{report['clips']} clips.\n"
        "spread: standard deviation of the turns; ours is: that part of its limit, or so many "
        "times better than this; MiB: peak memory."
    )
    for reason, names in reasons.items():
        table.note += f"\nnot run: {reason} ({'; '.join(names)})"
    return table


def _value(one: Measurement) -> str:
    if not one.values:
        return "not run"
    if one.unit == "check":
        return "passed" if one.values[0] else "FAILED"
    return number(one.median)


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def number(value: float | None) -> str:
    """Three digits of a number, all those before the point; "" of None."""
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def fitted(table: Table) -> Table:
    """Make a table fit 80 columns, one line per row: for a screen or a pipe alike."""
    table = table.without("MiB") if "MiB" in table.columns else table
    columns = list(zip(table.columns, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    room = WIDTH - sum(widths[:1] + widths[2:]) - GAP * (len(widths) - 1)
    rows = [[row[0], _shortened(row[1], room), *row[2:]] for row in table.rows]
    note = "\n".join(line for part in table.note.split("\n") for line in wrap(part, WIDTH))
    return replace(table, rows=rows, note=note)

"""Predictions as a table, as JSON, as CSV, as labels for Audacity."""

import csv
import json
from collections.abc import Iterable, Sequence
from typing import IO

from esc50.deploy.prediction import Prediction, told
from esc50.errors import printable
from esc50.results.cells import escape_cell
from esc50.results.display.tables import Table

SHOWN_REMARKS = 10


def summary_table(predictions: Sequence[Prediction], k: int, title: str, note: str) -> Table:
    """Write a row per sound: how long it is, the answer, the `k` most probable classes."""
    k = min(k, len(predictions[0].classes))
    ranks = [f"{rank}." for rank in range(1, k + 1)]
    rows = [
        [
            printable(one.name, keep=""),
            one.label,
            *(f"{name} {probability:.1%}" for name, probability in one.top(k)),
            f"{one.seconds:.1f}",
        ]
        for one in predictions
    ]
    columns = ["sound", "answer", *ranks, "seconds"]
    return Table(
        title, columns, rows, n_names=2 + k, note=note, dispensable=("seconds", *ranks[:0:-1])
    )


def timeline_table(prediction: Prediction) -> Table:
    """Write a row per stretch of a long sound in which the answer stays the same."""
    rows = []
    for event in prediction.events():
        whose = "" if event.label == event.best else f"at best {event.best} "
        probability = f"{whose}{event.probability:.1%}"
        rows.append([clock(event.start), clock(event.end), event.label, probability])
    columns = ["from", "to", "answer", "probability"]
    return Table(printable(prediction.name, keep=""), columns, rows, n_names=3)


def clock(seconds: float) -> str:
    """Write a time as h:mm:ss.s, or as m:ss.s within the first hour."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02d}.{rest % 10}"


def as_json(prediction: Prediction) -> str:
    """Write a sound as one JSON object on one line: answer, probabilities, windows, events."""
    return json.dumps(
        {
            "sound": prediction.name,
            "seconds": prediction.seconds,
            "answer": prediction.label,
            "threshold": prediction.threshold,
            "probabilities": dict(prediction.top(len(prediction.classes))),
            "remarks": prediction.remarks,
            "events": [vars(event) for event in prediction.events()],
            "classes": prediction.classes,
            "windows": [
                {"start": start, "end": end, "probabilities": row}
                for (start, end), row in zip(
                    prediction.spans.tolist(), prediction.windows.tolist(), strict=True
                )
            ],
        }
    )


def write_csv(predictions: Iterable[Prediction], classes: Sequence[str], file: IO[str]) -> None:
    """Write a row per window: sound, start, end (seconds), answer, probability of each class.

    Names that a spreadsheet would compute are escaped: see `cells`.
    The last column, remarks, says what is odd about the sound.
    """
    writer = csv.writer(file, lineterminator="\n")
    header = ["sound", "start", "end", "answer", *map(escape_cell, classes), "remarks"]
    writer.writerow(header)
    for one in predictions:
        for (start, end), label, row in zip(one.spans, one.labels, one.windows, strict=True):
            name, span = printable(one.name, keep=""), (f"{start:g}", f"{end:g}")
            names = escape_cell(name), *span, escape_cell(label)
            writer.writerow([*names, *(f"{p:.8g}" for p in row), "; ".join(one.remarks)])


def remark_lines(predictions: Iterable[Prediction]) -> list[str]:
    """Say what is odd about sounds, in a line each; of many, the first."""
    lines = [
        f"{printable(one.name, keep='')} {remark}" for one in predictions for remark in one.remarks
    ]
    more = len(lines) - SHOWN_REMARKS
    return lines if more <= 0 else [*lines[:SHOWN_REMARKS], f"and {more} more of such sounds"]


def as_labels(prediction: Prediction) -> str:
    """Write a sound's timeline as a label track of Audacity: start, end, label between tabs."""
    return "".join(
        f"{event.start:.6f}\t{event.end:.6f}\t"
        f"{told(event.label, event.best, f'{event.probability:.2f}')}\n"
        for event in prediction.events()
    )

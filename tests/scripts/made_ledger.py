"""Rows of a ledger, and the run folders that they are of, for tests of `scripts/results.py`."""

import csv
import json
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "results.py"


def row(experiment: str, signature: str, fold: int, acc: float, seed: int = 1, **more) -> dict:
    return {
        "experiment": experiment,
        "signature": signature,
        "data_digest": "d1",
        "protocol": "official",
        "leaky": False,
        "synthetic": False,
        "fold": fold,
        "seed": seed,
        "test/acc": acc,
        "test/loss": 1 - acc,
        "seconds_fit": 60.0,
        **more,
    }


def make_folder(folder: Path, row: dict, n: int = 200) -> dict:
    """Write the run's folder so that its accuracy is the row's; return the row with run_dir."""
    rng = np.random.default_rng(row["fold"])
    order = rng.permutation(n)
    targets = np.arange(n) % 2
    wrong = np.isin(order, np.arange(round(n * (1 - row["test/acc"]))))
    predictions = np.where(wrong, 1 - targets, targets)
    folder.mkdir(parents=True)
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "fold", "target", "prediction", "cat", "dog"])
        for i, (target, guess) in enumerate(zip(targets, predictions, strict=True)):
            writer.writerow(
                [f"{row['fold']}-{i}.wav", row["fold"], target, guess, 1 - guess, guess]
            )
    row = {**row, "run_dir": str(folder)}
    (folder / "results.json").write_text(json.dumps(row))
    return row

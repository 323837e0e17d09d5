"""The exhibit: the published protocol and the honest one from the same code, side by side."""

import json
from pathlib import Path
from typing import Any

from esc50.atomic import atomic_write_text
from esc50.config.composition import compose_config
from esc50.config.signature import folder
from esc50.results.display.console import print_fold_briefly
from esc50.results.display.tables import Table
from esc50.results.labels import label
from esc50.results.numbers import percent
from esc50.training.cross_validation import cross_validate
from esc50.training.fold import run_fold

# The table of the published README: clips, training, validation and test items, accuracies.
PUBLISHED = {
    "original": (2000, 1190, 510, 300, 0.9756, 0.6627, None),
    "original + augmented": (8143, 6921, 1222, 300, 0.9720, 0.9828, 0.9933),
}
BRIEFLY = "callbacks.progress.lines=false"  # twelve runs come before the table that matters
RECIPES = {
    "original": (
        ["+experiment=original", "split=published", "name=published_original"],
        ["+experiment=original"],
    ),
    "original + augmented": (["+experiment=published"], ["+experiment=augmented"]),
}


def exhibit(overrides: list[str]) -> dict[str, Any]:
    """Run published and honest, or find them done; write exhibit.json and exhibit.md.

    Args:
        overrides: the user's, such as data=esc10; they hold for all runs.

    Returns:
        The contents of exhibit.json: for each row of the published table what was published, what
        the same protocol gives here, what leaked, and what it is worth under the official folds.
    """
    rows = {}
    overrides = [BRIEFLY, *overrides]
    for name, (leaky, honest) in RECIPES.items():
        cfg = compose_config([*leaky, *overrides])
        place = Path(cfg.output_dir) / folder(cfg)
        shown = run_fold(cfg, place)
        print_fold_briefly(shown, place)
        cfg = compose_config([*honest, *overrides, "split.fold=all"])
        worth = Path(cfg.output_dir) / folder(cfg)
        cross_validate(cfg, worth, print_fold_briefly)
        summary = json.loads((worth / "summary.json").read_text(encoding="utf-8"))
        rows[name] = {"published": PUBLISHED[name], "same_protocol": shown, "official": summary}
    out = Path(cfg.output_dir)
    atomic_write_text(out / "exhibit.json", json.dumps(rows, indent=2) + "\n")
    atomic_write_text(out / "exhibit.md", exhibit_table(rows).markdown())
    return rows


def exhibit_table(rows: dict[str, Any]) -> Table:
    """The published results table with our columns beside it."""
    body = []
    for name, row in rows.items():
        *sizes, train, val, test = row["published"]
        shown, official = row["same_protocol"], row["official"]
        body.append(
            [f"{name}, as published", _sizes(*sizes[1:]), *map(percent, (train, val, test))]
        )
        body.append(
            [
                f"{name}, the same protocol here{label(shown)}",
                _sizes(shown["n_train"], shown["n_val"], shown["n_test"]),
                *(percent(shown[key]) for key in ("train/acc", "val/acc", "test/acc")),
            ]
        )
        runs, folds = official["runs"], official["folds"]
        low, high = official["test/acc_ci95"]
        mean, spread = percent(official["test/acc_mean"]), f"{100 * official['test/acc_std']:.2f}"
        body.append(
            [
                f"{name}, official folds {folds[0]} to {folds[-1]}{label(official)}",
                _sizes(official["n_train"], "one fold", runs[0]["n_test"]),
                percent(official["train/acc_mean"]),
                percent(official["val/acc_mean"]),
                f"{mean} ± {spread} (95% {100 * low:.1f} to {100 * high:.1f})",
            ]
        )
    note = "\n".join(
        f"{name}, published protocol, audit: {row['same_protocol']['audit']}"
        for name, row in rows.items()
    )
    columns = ["", "train / validation / test", "train acc", "val acc", "test acc"]
    title = "The published results, and what they are worth"
    return Table(title, columns, body, note=note, dispensable=[*columns[2:4], columns[1]])


def _sizes(*sizes: Any) -> str:
    return " / ".join("-" if size is None else str(size) for size in sizes)

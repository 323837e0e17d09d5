"""How a run does beside others: the ledger's other recipes, guessing, a simple baseline."""

from pathlib import Path

import numpy as np
import torch

from esc50.data.features import profiles
from esc50.errors import UserError
from esc50.report.run.clips import Clips
from esc50.report.run.subject import Subject
from esc50.results.display.tables import Table
from esc50.results.labels import mark
from esc50.results.ledger import read
from esc50.results.numbers import percent
from esc50.results.predictions import Run
from esc50.results.recipes.comparison import compare
from esc50.results.recipes.leaderboard import RecipeResults, rank_recipes
from esc50.results.recipes.selection import run_folders

COMPARED = 8  # recipes, the best of the ledger
TREES = 100


def find_ledger(subject: Subject) -> Path | None:
    """Find the ledger that the runs are in: of their output folder, wherever that was moved."""
    first = subject.runs[0].folder.resolve()
    places = [Path(str((subject.config or {}).get("output_dir", "."))), *first.parents[:4]]
    return next((p / "results.csv" for p in places if (p / "results.csv").is_file()), None)


def against_ledger(subject: Subject, ledger: Path) -> Table | str:
    """Compare the runs with the ledger's other recipes on the same clips.

    Returns:
        A table, one recipe a row, or why there is none.
    """
    digest = subject.results.get("data_digest")
    rows = [row for row in read(ledger) if digest and row.get("data_digest") == digest]
    rows = [row for row in rows if isinstance(row.get("test/acc"), int | float)]
    own = subject.results["signature"]
    others = [r for r in rank_recipes(rows) if r.signature != own] if rows else []
    if not others:
        return "The ledger has no other recipe on these clips yet."
    ours = mark(subject.leaky)
    table = Table(
        "The ledger's best other recipes on the same clips",
        ["recipe", "protocol", "folds and seeds in common", "its accuracy", "this accuracy",
         "difference", "95% interval of the difference", "p (McNemar)"],
        n_names=2,
    )  # fmt: skip
    refused = 0
    for recipe in others[:COMPARED]:
        try:
            table.rows.append(_row(subject, recipe, ledger, ours))
        except UserError:
            refused += 1
    if not table.rows:
        return "No other recipe of the ledger was tested on the same folds with the same seeds."
    left = (
        f" Not comparable, or its predictions are gone: {refused} of the best." if refused else ""
    )
    table.note = (
        "This accuracy minus the other's, on folds and seeds that both have; the interval is that "
        f"of a paired bootstrap over recordings.{left}"
    )
    return table


def _row(subject: Subject, recipe: RecipeResults, ledger: Path, ours: str) -> list[str]:
    names = (subject.results["experiment"], recipe.experiment)
    folders = [run.folder for run in subject.runs]
    result = compare(folders, run_folders(recipe, ledger), names=names)
    this, other = result["acc"]
    low, high = result["bootstrap_ci95"]
    theirs = mark(recipe.leaky)
    either = ours or theirs
    return [
        recipe.handle,
        str(recipe.rows[-1].get("protocol")),
        str(len(result["pairs"])),
        percent(other) + theirs,
        percent(this) + ours,
        f"{result['difference']:+.2%}{either}",
        f"{low:+.2%} to {high:+.2%}{either}",
        f"{result['mcnemar']['p']:.3g}{either}",
    ]


def most_frequent(subject: Subject) -> float:
    """The accuracy of always answering the class that most tests are of."""
    tests = subject.tests
    return float(np.bincount(tests.targets).max() / len(tests.targets))


def forest_accuracy(run: Run, clips: Clips, trained: frozenset[str]) -> float | None:
    """Test a simple baseline on a run's split.

    A random forest on the mean and the deviation of each mel band, trained on the same clips
    without any augmentation. (Piczak's baseline in the paper of ESC-50, MM 2015, is one on such
    statistics of MFCCs.)

    Args:
        run: whose test clips it is tested on.
        clips: where their log-mels are.
        trained: digests of the audio that the run was trained on.

    Returns:
        Its accuracy; None where test or training clips are gone.
    """
    from sklearn.ensemble import RandomForestClassifier

    rows = [clips.row[name] for name in map(str, run.clips) if name in clips.row]
    train = clips.rows_of(trained)
    if len(rows) < len(run.clips) or not len(train):
        return None
    labels = clips.data.table.labels
    logmels = torch.from_numpy(profiles(clips.features))
    numbers = torch.cat([part(logmels[:, 0], 2) for part in (torch.mean, torch.std)], 1)
    statistics = numbers.numpy()
    forest = RandomForestClassifier(TREES, random_state=0)
    forest.fit(statistics[train], labels[train])
    return float((forest.predict(statistics[rows]) == run.labels).mean())

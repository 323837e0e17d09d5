"""The leaderboard: the ledger's runs by recipe, folds and seeds together, best first.

Numbers on two data sets do not compare, so recipes are ranked within each.
"""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esc50.config.signature import mode
from esc50.errors import UserError
from esc50.results.display.tables import Table
from esc50.results.labels import LEAKY, label, mark
from esc50.results.ledger import NONE
from esc50.results.numbers import duration, spread

IDENTITY = ("signature", "data_digest")  # of one recipe on one data set
UNKNOWN = "-"
SHOWN = ("test/acc", "test/f1_macro", "test/loss", "val/acc")
COMPUTED = ("precision", "device", "threads")  # in and on what
NAMES = "recipe signature overrides data protocol folds seeds computed".split()
LEAST_NEEDED = ("seeds", "signature", "overrides")  # of them, the least first
DIGEST = 8  # characters of a data digest that stand for it
TOLD = 3  # overrides that are told of a recipe where room is scarce


@dataclass(frozen=True)
class RecipeResults:
    """One recipe on one data set: the latest row of each of its folds and seeds."""

    rows: list[dict[str, Any]]
    data: str  # what the data set is called

    @property
    def experiment(self) -> str:
        """The recipe's name."""
        return str(self.rows[-1].get("experiment"))

    @property
    def signature(self) -> str:
        """The recipe's signature."""
        return str(self.rows[-1].get("signature"))

    @property
    def handle(self) -> str:
        """What to call the recipe on the command line: name@signature."""
        return f"{self.experiment}@{self.signature}"

    @property
    def leaky(self) -> bool:
        """Whether any of its runs leaks."""
        return any(bool(row.get("leaky")) for row in self.rows)

    @property
    def synthetic(self) -> bool:
        """Whether any of its runs is on made-up sound."""
        return any(bool(row.get("synthetic")) for row in self.rows)

    def values(self, metric: str) -> list[float]:
        """List the metric of the runs that have it."""
        values = [row.get(metric) for row in self.rows]
        return [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]

    def mean(self, metric: str) -> float | None:
        """Average the metric over the runs; None where none has it."""
        values = self.values(metric)
        return float(np.mean(values)) if values else None

    def numbers(self, key: str) -> list[int]:
        """List the folds or the seeds, in order."""
        return sorted({row[key] for row in self.rows if isinstance(row.get(key), int)})

    def ranges(self, key: str) -> str:
        """Write the folds or the seeds so that other ones are told apart: 1-5, or 1,2,4."""
        numbers = self.numbers(key)
        whole = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
        return f"{numbers[0]}-{numbers[-1]}" if whole else ",".join(map(str, numbers))

    def computed(self) -> str:
        """Say what it was computed in and on: bf16-mixed, cpu, 2 threads."""
        said = {key: {row.get(key) for row in self.rows} - {None} for key in COMPUTED}
        words = {key: " or ".join(sorted(map(str, values))) for key, values in said.items()}
        if words["threads"]:
            words["threads"] += " thread" if words["threads"] == "1" else " threads"
        return ", ".join(word for word in words.values() if word) or UNKNOWN

    @property
    def settings(self) -> dict[str, str] | None:
        """What it sets otherwise than the recipe of its name, by key; None where no run says so."""
        said = self.rows[-1].get("overrides")
        return None if said is None else settings_of(said)


def settings_of(overrides: object) -> dict[str, str]:
    """Read the settings in a cell of the ledger's column `overrides`, by key."""
    try:
        words = shlex.split("" if overrides == NONE else str(overrides))
    except ValueError:  # quotes that do not end: not what a run notes
        words = str(overrides).split()
    pairs = (word.partition("=") for word in words)
    return {key.lstrip("+"): value for key, _, value in pairs}


def settings_words(settings: Mapping[str, str] | None, most: int | None = None) -> str:
    """Write at most so many settings, by the last part of their keys where no two share it.

    What builds a section is called by the section (`model=my.Net`), and a setting that is taken out
    by its `~`.
    """
    if settings is None:  # of a run from before they were noted
        return UNKNOWN
    said = {key: value for key, value in settings.items() if not key.endswith("._partial_")}
    leaves = Counter(key.rpartition(".")[2] for key in said)
    words = []
    for key, value in said.items():
        section, _, leaf = key.rpartition(".")
        name = section if leaf == "_target_" else leaf if leaves[leaf] == 1 else key
        words.append(f"~{name.lstrip('~')}" if key.startswith("~") else f"{name}={value}")
    left = len(words[most:]) if most else 0
    return ", ".join([*words[:most], f"{left} more"] if left else words) or NONE


def rank_recipes(rows: Sequence[dict[str, Any]], sort: str = "test/acc") -> list[RecipeResults]:
    """Group the ledger's rows by recipe and data set; on each, best mean of `sort` first.

    Of runs repeated (same recipe, data, fold and seed) the latest counts. Losses and errors are
    best when small; recipes without the metric come last.

    Raises:
        UserError: no row has the metric.
    """
    latest: dict[tuple, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: str(row.get("time") or "")):  # stable: file order
        latest[tuple(row.get(key) for key in ("fold", "seed", *IDENTITY))] = row
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in latest.values():
        groups.setdefault(tuple(row.get(key) for key in IDENTITY), []).append(row)
    names = data_names(rows)
    found = [RecipeResults(own, names[digest]) for (_, digest), own in groups.items()]
    if all(recipe.mean(sort) is None for recipe in found):
        have = ", ".join(sorted({key for row in rows for key in row if "/" in key}))
        raise UserError(f"no run has a number {sort!r} to sort by; there are {have}")
    sign = 1 if mode(sort) == "min" else -1

    def rank(recipe: RecipeResults) -> tuple[str, bool, float]:
        mean = recipe.mean(sort)
        unknown = mean is None or np.isnan(mean)
        return (recipe.data, unknown, 0.0 if mean is None or unknown else sign * mean)

    return sorted(found, key=rank)


def data_names(rows: Sequence[Mapping[str, Any]]) -> dict[Any, str]:
    """Call each data set, by its digest, what its runs call it; never two of them alike.

    Runs that do not say are called by the others' name, or by the digest's beginning.
    """
    names: dict[Any, str] = {row.get("data_digest"): "" for row in rows}
    for row in rows:
        names[row.get("data_digest")] = str(row.get("data") or "") or names[row.get("data_digest")]
    given = list(names.values())
    for digest, name in names.items():
        start = "-" if digest is None else str(digest)[:DIGEST]
        if not name or given.count(name) > 1:
            names[digest] = f"{name} {start}".strip()
    return names


def leaderboard_tables(
    recipes: Sequence[RecipeResults],
    sort: str = "test/acc",
    told: Sequence[str] = (),
    whole: bool = False,
) -> list[Table]:
    """Write the leaderboard as tables: the honest recipes, and apart from them the leaky ones.

    Args:
        recipes: ranked: see `rank_recipes`.
        sort: the metric that ranked them.
        told: of each recipe, what tells it from its namesakes; "" where nothing has to.
        whole: write all overrides, however many.
    """
    metrics = list(dict.fromkeys((sort, *SHOWN)))
    tables = []
    for leaky, title in (
        (False, "Results, mean ± standard deviation over folds and seeds"),
        (True, f"{LEAKY} results: test or validation clips known from training; not comparable"),
    ):
        own = [recipe for recipe in recipes if recipe.leaky == leaky]
        numbers = [f"{metric}{mark(leaky)}" for metric in metrics]
        columns = [*NAMES, *numbers, "fit"]
        dispensable = ["fit", *reversed(numbers[2:]), "computed", *numbers[1:2], *LEAST_NEEDED]
        table = Table(title, columns, n_names=len(NAMES), dispensable=dispensable)
        settings = _rarest_first([recipe.settings for recipe in own])
        overrides = [settings_words(one, None if whole else TOLD) for one in settings]
        pairs = zip(own, overrides, strict=True)
        table.rows = [_row(recipe, words, metrics) for recipe, words in pairs]
        known = zip(recipes, told, strict=False)
        notes = [f"{one.handle}: {what}" for one, what in known if what and one.leaky == leaky]
        table.note = "\n".join(["of one name, but:", *notes]) if notes else ""
        if own:
            tables.append(table)
    return tables


def _rarest_first(all_settings: Sequence[dict[str, str] | None]) -> list[dict[str, str] | None]:
    """Order each recipe's settings so that those which tell it from others come first.

    Of these first what builds a section, and last what is taken out of one since that lacks it.
    """
    shared = Counter(item for settings in all_settings for item in (settings or {}).items())

    def place(item: tuple[str, str]) -> tuple[int, bool, bool]:
        key = item[0]
        return shared[item], key.startswith("~"), not key.endswith("._target_")

    return [settings and dict(sorted(settings.items(), key=place)) for settings in all_settings]


def _row(recipe: RecipeResults, overrides: str, metrics: Sequence[str]) -> list[str]:
    name = recipe.experiment + label({"synthetic": recipe.synthetic})
    about = [name, recipe.signature, overrides, recipe.data]
    about += [str(recipe.rows[-1].get("protocol")), recipe.ranges("fold")]
    about += [str(len(recipe.numbers("seed"))), recipe.computed()]
    seconds = sum(recipe.values("seconds_fit"))
    return [*about, *(_metric(recipe, metric) for metric in metrics), duration(seconds)]


def _metric(recipe: RecipeResults, metric: str) -> str:
    mean, values = recipe.mean(metric), recipe.values(metric)
    if mean is None:
        return "-"
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    if "acc" in metric or "f1" in metric:
        return spread(mean, std)
    return f"{mean:.4f}" + ("" if std is None else f" ± {std:.4f}")

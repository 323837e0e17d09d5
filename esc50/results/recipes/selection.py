"""Which of the ledger's runs are meant: filters, and one recipe by its name."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from esc50.errors import UserError
from esc50.results.ledger import NONE, spell
from esc50.results.predictions import run_name
from esc50.results.recipes.leaderboard import RecipeResults, data_names, settings_of, settings_words
from esc50.results.run_folder import is_finished, read_settings

Row = dict[str, Any]
# Of a row, by which recipes are told apart.
ALIKE = ("protocol", "origin", "pretrained_on", "precision", "device")
# Settings, and what of a row says more.
TOLD_BETTER = {
    "data._target_": "data",
    "split.protocol": "protocol",
    "trainer.precision": "precision",
    "trainer.accelerator": "device",
}
TOLD = 6  # differences that are told of each candidate


def select(
    rows: Sequence[Row],
    experiments: Sequence[str] = (),
    data: Sequence[str] = (),
    since: str | None = None,
    where: Sequence[str] = (),
) -> list[Row]:
    """Choose rows of the ledger that fit every filter.

    Args:
        rows: the ledger's.
        experiments: names, one of which they have.
        data: names or beginnings of digests of data sets.
        since: an ISO date or time (UTC unless it says otherwise) before which they are too old.
        where: "column=value", the value as it stands in the ledger; or "setting=value", for runs
            that set it otherwise than their recipe.

    Raises:
        UserError: no row fits, a filter is ill-formed or names what the ledger does not have.
    """
    if not rows:
        raise UserError("the ledger holds no runs yet")
    names = data_names(rows)
    known = sorted({str(row.get("experiment")) for row in rows})
    if unknown := [name for name in experiments if name not in known]:
        raise UserError(f"no run of {', '.join(unknown)} in the ledger; it has {', '.join(known)}")
    kept = [row for row in rows if not experiments or str(row.get("experiment")) in experiments]
    if data:
        kept = [row for row in kept if _is_on(row, data, names)]
        if not kept:
            have = ", ".join(sorted(set(names.values())))
            raise UserError(f"no such run on --data {' '.join(data)}; there are {have}")
    if since is not None:
        kept = _since(kept, since)
    for condition in where:
        kept = _where(kept, condition)
    return kept


def find_recipe(recipes: Sequence[RecipeResults], name: str, ledger: Path) -> RecipeResults:
    """Find a recipe by its experiment's name, its signature's beginning, or name@signature.

    "name@data", and "name-signature", as its folder is called, will do as well.

    Raises:
        UserError: none or several fit; the candidates are listed with what tells them apart.
    """
    fitting = [recipe for recipe in recipes if _fits(recipe, name)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        have = ", ".join(dict.fromkeys(recipe.handle for recipe in recipes))
        raise UserError(f"{name!r} is no experiment or signature in the ledger; it has {have}")
    differences = _differences([_facts(recipe, ledger) for recipe in fitting])
    listed = "\n".join(
        f"  {recipe.handle}: {difference or 'alike'}"
        for recipe, difference in zip(fitting, differences, strict=True)
    )
    one = len({recipe.handle for recipe in fitting}) == 1
    several = "give name@signature, or name@data, of one of these"
    advice = "choose a data set by --data" if one else several
    raise UserError(f"{name!r} fits several recipes; {advice}:\n{listed}")


def tell_apart(recipes: Sequence[RecipeResults], ledger: Path) -> list[str]:
    """Say of each recipe what it does not share with its namesakes on the same data; "" if none."""
    told = [""] * len(recipes)
    namesakes: dict[tuple[str, str], list[int]] = {}
    for number, recipe in enumerate(recipes):
        namesakes.setdefault((recipe.experiment, recipe.data), []).append(number)
    for numbers in namesakes.values():
        if len(numbers) > 1:
            facts = [_facts(recipes[number], ledger) for number in numbers]
            for number, difference in zip(numbers, _differences(facts), strict=True):
                told[number] = difference
    return told


def run_folders(recipe: RecipeResults, ledger: Path) -> list[Path]:
    """Find the folders of a recipe's runs: where they were made, else beside the ledger.

    Raises:
        UserError: a run's folder is gone.
    """
    folders = []
    for row in recipe.rows:
        there = [folder for folder in _places(row, ledger) if is_finished(folder)]
        if not there:
            name = run_name(row.get("seed"), row.get("fold"))
            looked = " or ".join(map(str, _places(row, ledger)))
            raise UserError(
                f"{recipe.handle}, {name}: the run's predictions are gone (not in {looked}); "
                "run it again to compare it"
            )
        folders.append(there[0])
    return folders


def _is_on(row: Row, data: Sequence[str], names: Mapping[Any, str]) -> bool:
    digest = row.get("data_digest")
    called = (row.get("data"), names[digest])
    return any(wanted in called or str(digest).startswith(wanted) for wanted in data)


def _since(rows: Sequence[Row], text: str) -> list[Row]:
    oldest = _moment(text)
    if oldest is None:
        raise UserError(f"--since {text}: write a date such as 2025-01-31")
    times = [_moment(str(row.get("time"))) for row in rows]
    kept = [row for row, time in zip(rows, times, strict=True) if time and time >= oldest]
    if not kept:
        newest = max((time.isoformat() for time in times if time), default="no known time")
        raise UserError(f"no such run since {text}; the latest is of {newest}")
    return kept


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _where(rows: Sequence[Row], condition: str) -> list[Row]:
    key, given, value = condition.partition("=")
    if not given:
        raise UserError(f"--where {condition}: write column=value, such as seed=1")
    columns = sorted({column for row in rows for column in row})
    if key in columns:
        have = [spell(row.get(key)) for row in rows]
    else:  # a setting, which stands among the overrides
        have = [settings_of(row.get("overrides") or NONE).get(key, "") for row in rows]
        if not any(have):
            close = difflib.get_close_matches(key, columns, 1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(columns)}"
            raise UserError(
                f"--where {condition}: the ledger has no column {key!r}, and no run overrides "
                f"such a setting; {meant}"
            )
    kept = [row for row, own in zip(rows, have, strict=True) if own == value]
    if not kept:
        there = ", ".join(sorted({own or "nothing" for own in have})[:10])
        raise UserError(f"--where {condition}: no such run has it; {key} is {there}")
    return kept


def _fits(recipe: RecipeResults, name: str) -> bool:
    folder = f"{recipe.experiment}-{recipe.signature}"
    return (
        name in (recipe.experiment, f"{recipe.experiment}@{recipe.data}")
        or recipe.signature.startswith(name)
        or (name.startswith(f"{recipe.experiment}@") and recipe.handle.startswith(name))
        or (name.startswith(f"{recipe.experiment}-") and folder.startswith(name))
    )


def _places(row: Row, ledger: Path) -> list[Path]:
    """Where a run was made, and where it is if it was moved with its ledger."""
    made = [Path(str(row["run_dir"]))] if row.get("run_dir") else []
    recipe = f"{row.get('experiment')}-{row.get('signature')}"
    beside = ledger.parent / recipe / f"seed{row.get('seed')}" / f"fold{row.get('fold')}"
    return [*made, beside]


def _facts(recipe: RecipeResults, ledger: Path) -> dict[str, str]:
    """What may tell a recipe apart: of its rows, and of its config where that is still there."""
    last = recipe.rows[-1]
    about = {"experiment": recipe.experiment, "data": recipe.data}
    about |= {key: spell(last.get(key)) for key in ALIKE}
    counts = {"n_train": spell(last.get("n_train"))}
    counts |= {key: recipe.ranges(key) for key in ("fold", "seed")}
    for folder in _places(last, ledger):
        if settings := read_settings(folder):
            told = [key for key in TOLD_BETTER if about[TOLD_BETTER[key]]]
            return about | {k: v for k, v in settings.items() if k not in told} | counts
    return about | {"overrides": settings_words(recipe.settings)} | counts


def _differences(facts: Sequence[Mapping[str, str]]) -> list[str]:
    """Write, for each candidate, what it does not share with all others."""
    keys = list(dict.fromkeys(key for own in facts for key in own))
    telling = [key for key in keys if len({own.get(key) for own in facts}) > 1]
    if "data" in telling:  # another data set has other settings, which say no more
        telling = [key for key in telling if not key.startswith("data.")]
    telling = telling[:TOLD]
    return [", ".join(f"{key}={own.get(key) or 'none'}" for key in telling) for own in facts]

from pathlib import Path

import pytest

from esc50.errors import UserError
from esc50.results.recipes.leaderboard import rank_recipes
from esc50.results.recipes.selection import find_recipe, run_folders, select

NOWHERE = Path("nowhere/results.csv")


def row(experiment, signature, fold=1, **more):
    about = {"experiment": experiment, "signature": signature, "data_digest": "d1", "seed": 1}
    return {**about, "fold": fold, "test/acc": 0.5, **more}


ROWS = [
    row("one", "aaaa", data="esc10", time="2025-01-01T12:00:00+00:00"),
    row("one", "abbb", fold=2, data="esc10", time="2025-06-01T12:00:00+02:00"),
    row("two", "bbbb", data="demo", data_digest="d2", leaky=True),
]


@pytest.mark.parametrize(
    ("filters", "signatures"),
    [
        ({}, ["aaaa", "abbb", "bbbb"]),
        ({"experiments": ["one"]}, ["aaaa", "abbb"]),
        ({"data": ["demo", "d1"]}, ["aaaa", "abbb", "bbbb"]),
        ({"data": ["esc10"], "where": ["fold=2"]}, ["abbb"]),
        ({"since": "2025-06-01T10:00"}, ["abbb"]),
        ({"where": ["leaky=true"]}, ["bbbb"]),
    ],
)
def test_rows_fit_every_filter(filters, signatures):
    assert [found["signature"] for found in select(ROWS, **filters)] == signatures


def test_of_an_empty_ledger_nothing_can_be_chosen():
    with pytest.raises(UserError, match="holds no runs yet"):
        select([])


@pytest.mark.parametrize("name", ["two", "b", "bbbb", "two@b", "two-bbbb"])
def test_a_recipe_has_several_names(name):
    assert find_recipe(rank_recipes(ROWS), name, NOWHERE).signature == "bbbb"


@pytest.mark.parametrize(
    ("name", "words"),
    [("three", "it has two@bbbb, one@"), ("one", "name@signature"), ("a", "  one@aaaa: fold=1")],
)
def test_a_name_of_none_or_several_is_refused(name, words):
    with pytest.raises(UserError, match=words):
        find_recipe(rank_recipes(ROWS), name, NOWHERE)


def test_folders_are_found_where_they_were_made_or_beside_the_ledger(tmp_path, make_run):
    ledger = tmp_path / "results.csv"
    beside = make_run(tmp_path / "one-aaaa" / "seed1" / "fold1")
    made = make_run(tmp_path / "made")
    rows = [row("one", "aaaa", run_dir="gone"), row("one", "aaaa", fold=2, run_dir=str(made))]
    (recipe,) = rank_recipes(rows)
    assert run_folders(recipe, ledger) == [beside, made]
    (made / "results.json").unlink()
    with pytest.raises(UserError, match=r"one@aaaa, fold 2, seed 1: .* are gone"):
        run_folders(recipe, ledger)

import pytest

from esc50.errors import UserError
from esc50.results.recipes.leaderboard import (
    data_names,
    leaderboard_tables,
    rank_recipes,
    settings_of,
    settings_words,
)


def row(name: str, digest: str | None = "d1", acc: float | None = 0.5, **more) -> dict:
    about = {"experiment": name, "signature": name * 3, "data_digest": digest, "fold": 1, "seed": 1}
    return {**about, "test/acc": acc, **more}


def test_data_sets_are_called_by_name_and_never_two_alike():
    rows = [
        row("a", "d1", data="esc10"),
        row("a", "d1"),  # made before runs said so
        row("a", "abcdefghijkl"),
        row("a", "1" * 16, data="folder"),
        row("a", "2" * 16, data="folder"),
        row("a", None),
    ]
    assert data_names(rows) == {
        "d1": "esc10",
        "abcdefghijkl": "abcdefgh",
        "1" * 16: "folder 11111111",
        "2" * 16: "folder 22222222",
        None: "-",
    }


def test_recipes_without_the_metric_come_last_on_their_data():
    rows = [row("none", acc=None), row("good", acc=0.9), row("nan", acc=float("nan")), row("poor")]
    order = [recipe.experiment for recipe in rank_recipes([*rows, row("other", "d0", 0.1)])]
    assert order[:3] == ["other", "good", "poor"] and set(order[3:]) == {"none", "nan"}


@pytest.mark.parametrize(
    ("folds", "text"),
    [((1, 2, 3, 4, 5), "1-5"), ((1, 2, 4), "1,2,4"), ((2,), "2"), ((1, 2), "1,2")],
)
def test_folds_are_told_apart(folds, text):
    (recipe,) = rank_recipes([row("a", fold=fold) for fold in folds])
    assert recipe.ranges("fold") == text


def test_a_metric_that_no_run_has_is_refused():
    with pytest.raises(UserError, match=r"no run has a number 'test/f2'.*test/acc"):
        rank_recipes([row("a")], "test/f2")


def test_one_leaky_run_makes_a_recipe_leaky():
    rows = [row("a", leaky=False), row("a", leaky=True, fold=2), row("b", leaky=False)]
    honest, leaky = leaderboard_tables(rank_recipes(rows))
    assert [r[0] for r in honest.rows] == ["b"] and [r[0] for r in leaky.rows] == ["a"]
    assert all("LEAKY" in column for column in leaky.columns if "/" in column)


def test_settings_that_are_taken_out_and_what_builds_a_section_are_told_as_such():
    typed = "optimizer._target_=my.Adam ~optimizer.fused ~scheduler trainer.max_epochs=1"
    said = "optimizer=my.Adam, ~fused, ~scheduler, max_epochs=1"
    assert settings_words(settings_of(typed)) == said


def test_parts_of_ones_own_are_named_first_and_are_told_apart():
    common = "optimizer.lr=0.01 +optimizer.beta=3 ~optimizer.fused"
    net = "+model.a=1 model._target_={}.Net optimizer._target_={}.Sign +scheduler._partial_=true "
    rows = [row(name, overrides=f"{net.format(name, name)} {common}") for name in ("my", "other")]
    (table,) = leaderboard_tables(rank_recipes(rows))
    shown = [line[table.columns.index("overrides")] for line in table.rows]
    assert shown == [f"model={n}.Net, optimizer={n}.Sign, a=1, 3 more" for n in ("my", "other")]

import pytest

from esc50.audio.augment_params import make_recipe
from esc50.report.exploration.augmentation import show_augmentation


@pytest.fixture
def show(explored, odd_config):
    def make(augment):
        recipe = make_recipe(odd_config(f"augment={augment}")["augment"])
        clip = explored.table.filenames.index("1-100-A-0.wav")
        return show_augmentation(
            explored.table, explored.features, explored.spec, recipe, clip, seed=3
        )

    return make


def test_each_change_of_the_recipe_is_shown_alone_and_seen(show):
    shown = {rendering.name: rendering for rendering in show("online")}
    assert list(shown) == [
        "as it is", "time stretch", "pitch shift", "rotation in time", "gain", "equaliser",
        "white noise", "frequency mask", "time mask", "mixing", "a whole draw",
    ]  # fmt: skip
    clean = shown.pop("as it is")
    assert all(rendering.logmel != clean.logmel for rendering in shown.values())
    for name in ("frequency mask", "time mask"):
        rendering = shown.pop(name)
        assert rendering.sound is None and rendering.outline == clean.outline
    assert all(rendering.sound != clean.sound for rendering in shown.values())


def test_the_published_recipe_makes_three_changes(show):
    shown = {rendering.name: rendering for rendering in show("published")}
    assert list(shown) == [
        "as it is", "time stretch", "pitch shift", "white noise", "a whole draw",
    ]  # fmt: skip
    assert shown["pitch shift"].strength in ("+2 semitones", "-2 semitones")
    assert shown["white noise"].strength == "standard deviation 0.005 of full scale"


def test_no_recipe_shows_the_clip_alone(show):
    assert [rendering.name for rendering in show("none")] == ["as it is"]

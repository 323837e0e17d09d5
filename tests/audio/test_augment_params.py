from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from esc50.audio.augment_params import AugmentParams, Recipe, make_recipe
from esc50.errors import UserError

CONF = Path(__file__).parents[2] / "conf" / "augment"


def recipe(config, **changes):
    return make_recipe(OmegaConf.to_container(OmegaConf.load(CONF / f"{config}.yaml")) | changes)


def test_params_repeat_and_switching_one_off_leaves_the_others():
    params = [recipe("online").sample_params(100, np.random.default_rng(4)) for _ in range(2)]
    other = recipe("online", noise_prob=0.0).sample_params(100, np.random.default_rng(4))
    for name, column in vars(params[0]).items():
        assert np.array_equal(column, getattr(params[1], name))
        assert np.array_equal(column, getattr(other, name)) == (name != "noise_std")
    assert not other.noise_std.any()


def test_published_copies_have_one_change_each():
    clip_of_copy, params = recipe("published").sample_copies(3000, np.random.default_rng(0))
    counts = np.bincount(clip_of_copy, minlength=3000)
    assert set(counts) == {1, 2, 3, 4, 5} and abs(counts.mean() - 3) < 0.1
    changes = (params.noise_std != 0) * 1 + (params.rate != 1) + (params.pitch != 0)
    assert set(changes) == {0, 1}  # a pitch shift by 0 semitones is a copy without change
    assert abs((params.noise_std != 0).mean() - 1 / 3) < 0.02
    assert set(params.noise_std) == {0, np.float32(0.005)}
    assert set(params.pitch) == {-2, -1, 0, 1, 2}
    stretched = params.rate[params.rate != 1]
    assert 0.8 <= stretched.min() < 0.81 and 1.19 < stretched.max() <= 1.2


@pytest.mark.parametrize("kind", ["none", "online"])
def test_only_published_makes_copies(kind):
    clip_of_copy, params = recipe(kind).sample_copies(10, np.random.default_rng(0))
    assert len(clip_of_copy) == len(params) == 0


@pytest.mark.parametrize(
    ("kind", "wrong", "sentence"),
    [
        (
            "published",
            {"rate_min": 2.0},
            "augment.rate_min=2.0 must not exceed augment.rate_max=1.2",
        ),
        (
            "published",
            {"copies_min": 6},
            "augment.copies_min=6 must not exceed augment.copies_max=5",
        ),
        (
            "published",
            {"copy_scaling": "none"},
            "augment.copy_scaling=none is invalid: it takes one of standardise, minmax",
        ),
        (
            "published",
            {"copies_max": 2.5},
            "augment.copies_max=2.5 is invalid: it takes a whole number of at least 0",
        ),
        (
            "online",
            {"mix_prob": 1.5},
            "augment.mix_prob=1.5 is invalid: it takes a number from 0 to 1",
        ),
        (
            "online",
            {"noise_std_min": 0.0},
            "augment.noise_std_min=0.0 is invalid: it takes a number from 1e-09 to 1",
        ),
        (
            "online",
            {"gain_db": "loud"},
            "augment.gain_db=loud is invalid: it takes a number from 0 to 60",
        ),
        ("none", {"rate_min": 1.0}, "augment.rate_min is not a setting: nothing would read it"),
        ("none", {"_target_": "esc50.audio.spec.FeatureSpec"}, "it takes a subclass of"),
    ],
)
def test_impossible_strengths_are_refused(kind, wrong, sentence):
    with pytest.raises(UserError) as caught:
        recipe(kind, **wrong)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("online", "colour_prob", "eq_prob"),
        ("online", "colour_db", "eq_db"),
        ("online", "noise_sigma_min", "noise_std_min"),
        ("online", "noise_sigma_max", "noise_std_max"),
        ("online", "mask_height", "freq_mask"),
        ("online", "mask_width", "time_mask"),
        ("published", "noise_sigma", "noise_std"),
        ("none", "kind", "_target_"),
    ],
)
def test_an_earlier_name_is_refused_with_the_present_one(kind, old, new):
    with pytest.raises(UserError, match=f"augment.{old} is now called augment.{new}"):
        recipe(kind, **{old: 0.5})


class Louder(Recipe):
    """A recipe of one's own."""

    by_db: float
    online = True

    def sample_params(self, n, rng, done=0.0):
        params = AugmentParams.neutral(n)
        params.gain_db[:] = self.by_db
        return params


def test_a_recipe_of_ones_own_is_named_by_its_target():
    louder = make_recipe({"_target_": f"{__name__}.Louder", "by_db": 3.0})
    assert louder.sample_params(2, np.random.default_rng(0)).gain_db.tolist() == [3, 3]

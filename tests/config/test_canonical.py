"""Values that mean one thing are spelt one way; what conf/ says is spelt so from the first."""

import json

import pytest

from esc50.config.canonical import canonical
from esc50.config.choices import CONF
from esc50.config.composition import compose_open, compose_plain
from esc50.config.signature import effective, signature

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
GROUPS = """augment data features model optimizer scheduler split trainer callbacks""".split()
CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in (CONF / group).glob("*.yaml")]


@pytest.mark.parametrize("choice", [*(f"+experiment={name}" for name in EXPERIMENTS), *CHOICES])
def test_runs_of_what_conf_says_keep_their_names(choice):
    plain = compose_plain([choice])
    assert json.dumps(canonical(plain)) == json.dumps(plain)


@pytest.mark.parametrize(
    "pair",
    [
        "augment=online augment.pitch_max=3 augment.pitch_max=3.0",
        "augment=online augment.mix_until=1 augment.mix_until=1.0",
        "optimizer.lr=1 optimizer.lr=1.0",
        "optimizer.lr=1e-3 optimizer.lr=0.001",
        "optimizer=sgd optimizer.momentum=0 optimizer.momentum=0.0",
        "scheduler=onecycle scheduler.max_lr=[1,2] scheduler.max_lr=[1.0,2]",
        "callbacks=averaged callbacks.average.decay=0 callbacks.average.decay=0.0",
        "callbacks.early_stopping.min_delta=0 callbacks.early_stopping.min_delta=0.0",
        "trainer.gradient_clip_val=1 trainer.gradient_clip_val=1.0",
        "trainer.overfit_batches=0 trainer.overfit_batches=0.0",
        "features.seconds=5 features.seconds=5.0",
        "features.repeat_below=60 features.repeat_below=60.0",
        "data=gtzan data.windows=5 data.windows=5.0",
        "model=svm model.c=1 model.c=1.0",
        "model=random_forest model.max_features=1 model.max_features=1.0",
        "model.layer_decay=1 model.layer_decay=1.0",
        "input_mean=0 input_mean=0.0",
    ],
)
def test_a_whole_number_where_any_number_may_stand_is_the_same_recipe(pair):
    *common, first, second = pair.split()
    one, other = (signature(compose_open([*common, text])) for text in (first, second))
    assert one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("trainer.limit_train_batches=1", "trainer.limit_train_batches=1.0"),  # a batch, and all
        ("trainer.overfit_batches=1", "trainer.overfit_batches=1.0"),
        ("augment.pitch_max=2", "augment.pitch_max=3"),
        ("optimizer.fused=true", "optimizer.fused=1"),
        ("model.stem_stride=[1,2]", "model.stem_stride=[true,2]"),
        ("input_std=1", "input_std=true"),
    ],
)
def test_what_means_another_thing_is_another_recipe(one, other):
    augment = "augment=online"
    assert signature(compose_open([augment, one])) != signature(compose_open([augment, other]))


def test_a_file_may_spell_a_number_as_it_likes(tmp_path):
    from omegaconf import OmegaConf

    path = tmp_path / "recipe.yaml"
    path.write_text("optimizer: {lr: 1e-3}\naugment: {gain_db: 6}\n")
    ours = compose_open(["augment=online"])
    assert signature(OmegaConf.merge(ours, OmegaConf.load(path))) == signature(ours)


def test_whatever_a_config_holds_is_copied():
    odd = {
        "augment": {"_target_": "esc50.audio.nowhere.Nothing", "pitch_max": 3},
        "features": {"_target_": 5, "seconds": 10**400},
        "trainer": None,
        "model": [1],
        "optimizer": {"lr": [[1], "x"]},
        "callbacks": {"last": 5, "own": {"_target_": "mine.Callback", "part": 1}},
        "batch_size": "x",
    }
    assert canonical(odd) == odd and canonical(odd)["callbacks"] is not odd["callbacks"]
    assert canonical({}) == {}


def test_a_checkpoint_is_gone_on_from_with_either_spelling():
    one, other = (compose_plain([f"optimizer.lr={text}"]) for text in ("1", "1.0"))
    assert json.dumps(effective(one)) == json.dumps(effective(other))

import pytest

from esc50.config.hardware import resolve_precision
from esc50.config.signature import signature


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("optimizer.lr=0.01", False),
        ("augment=published", False),
        ("features.n_mels=40", False),
        ("batch_size=8", False),
        ("class_weights=balanced", False),
        ("class_weights=null", True),
        ("trainer.max_epochs=3", False),
        ("split=literature", False),
        ("ckpt_path=elsewhere/last.ckpt", False),
        ("ckpt_path=last", True),
        ("split.fold=3", True),
        ("seed=7", True),
        ("data.workers=1", True),
        ("data.cache_dir=elsewhere", True),
        ("logger.tensorboard=null", True),
        ("report=false", True),
        ("trainer.log_every_n_steps=3", True),
    ],
)
def test_signature_holds_what_affects_the_numbers(config, override, same):
    assert (signature(config()) == signature(config(override))) == same


def test_a_setting_may_stand_for_any_other(config):
    own = signature(config("batch_size=7", "seed=7"))
    assert signature(config("batch_size=${seed}", "seed=7")) == own
    place = "+callbacks.own={_target_:mine.Diary,path:'${output_dir}/${name}.txt'}"
    assert signature(config(place, "name=x")) != signature(config(place, "name=y"))


def test_a_precision_of_auto_is_the_same_run_as_what_it_stands_for(config):
    meant = resolve_precision({"accelerator": "cpu", "precision": "auto"})
    other = "64-true"
    auto = config("trainer.precision=auto")
    assert signature(auto) == signature(config(f"trainer.precision={meant}"))
    assert signature(auto) != signature(config(f"trainer.precision={other}"))


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("data.columns.label=[kind,sort]", True),  # a usual name more, another order
        ("data.columns.label=kind", False),
        ("data.columns.label=null", True),
    ],
)
def test_of_a_tables_columns_those_count_that_somebody_named(config, override, same):
    usual = config("data=csv", "data.table=x.csv")
    assert (signature(config("data=csv", "data.table=x.csv", override)) == signature(usual)) == same
    assert usual.data.columns.label[0] == "category"  # the config itself keeps its lists

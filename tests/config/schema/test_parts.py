import pytest

from esc50.config.composition import compose_plain
from esc50.config.schema.parts import SETTINGS, check_choosing, check_parts
from esc50.config.targets import locate
from esc50.errors import UserError


@pytest.fixture
def values():
    return compose_plain(["optimizer=sgd", "scheduler=onecycle", "callbacks=averaged"])


def changed(values, key, value):
    *sections, leaf = key.split(".")
    part = values
    for section in sections:
        part = part[section]
    part[leaf] = value
    return values


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("optimizer.lr", None, "optimizer.lr=null is invalid: it takes a number of at least 0"),
        ("optimizer.momentum", 0, "optimizer.nesterov=true takes an optimizer.momentum above 0"),
        ("scheduler.pct_start", 1.0, "scheduler.pct_start=1.0 .* at least 0 and less than 1"),
        ("scheduler.pct_start", 2.0, "scheduler.pct_start=2.0 is invalid"),
        ("scheduler.interval", "batch", "scheduler.interval=batch .* one of step, epoch"),
        ("scheduler.total_steps", 0, "scheduler.total_steps=0 is invalid: .* or null"),
        ("callbacks.learning_rate.logging_interval", "batch", "logging_interval=batch .* epoch"),
        ("callbacks.average.decay", 1.5, "callbacks.average.decay=1.5 .* less than 1"),
        ("callbacks.images.n_clips", 0, "callbacks.images.n_clips=0 .* of at least 1"),
        ("callbacks.best.save_top_k", 0, "callbacks.best.save_top_k=0 is invalid: it takes 1"),
        ("callbacks.best.save_top_k", 2, "callbacks.best.save_top_k=2 is invalid: it takes 1"),
        ("callbacks.early_stopping.patience", -1, "callbacks.early_stopping.patience=-1"),
        ("callbacks.early_stopping.monitor", None, "callbacks.early_stopping.monitor=null"),
        ("callbacks.speed", 5, "callbacks.speed=5 is invalid: it takes a section with a _target_"),
    ],
)
def test_a_value_that_a_part_cannot_do_with_is_refused_with_what_may_be(values, key, value, words):
    check_parts(values)
    with pytest.raises(UserError, match=words):
        check_parts(changed(values, key, value))


def test_arguments_that_conf_does_not_list_are_left_to_the_target(values):
    check_parts(changed(values, "optimizer.maximize", False))
    check_parts(changed(values, "optimizer._target_", "somebody.elses.Optimizer"))
    check_parts(changed(values, "optimizer.lr", None))


@pytest.mark.parametrize("target", SETTINGS)
def test_settings_are_of_parts_that_exist(target):
    locate("part", target)


def test_what_nothing_measures_is_not_gone_by():
    values = compose_plain(["scheduler=plateau", "split=literature"])
    check_choosing(values, validates=True)
    with pytest.raises(UserError, match=r"scheduler=plateau goes by monitor=val/loss, .* choose"):
        check_choosing(values, validates=False)


@pytest.mark.parametrize(("validates", "left_out"), [(True, ["best", "last"]), (False, ["last"])])
def test_a_run_keeps_what_it_tests(values, validates, left_out):
    check_choosing(changed(values, "callbacks.best", None), validates)
    values = compose_plain()
    for name in left_out:
        changed(values, f"callbacks.{name}", None)
    with pytest.raises(UserError, match=r"callbacks\.last=null leaves no checkpoint to test"):
        check_choosing(values, validates)

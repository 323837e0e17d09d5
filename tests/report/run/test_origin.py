import shlex
from dataclasses import replace

import pytest
import torch
import yaml

from esc50.config.composition import compose_config, compose_plain
from esc50.config.signature import signature
from esc50.report.run import tables
from esc50.report.run.origin import command, differences, overrides_of, read_chosen_epoch, spell
from esc50.report.run.subject import Subject, find_subject


def test_only_what_differs_is_listed():
    config = compose_plain(["optimizer.lr=0.01", "output_dir=elsewhere", "+model.pretrained=false"])
    found = {key: (value, default) for key, value, default in differences(config, compose_plain())}
    assert found.pop("optimizer.lr") == (0.01, 1e-3)
    assert set(found) == {"model.pretrained"}


@pytest.mark.parametrize(
    "overrides",
    [
        ["+experiment=augmented", "data=esc10", "data.root='/a b/c\\'d'", "seed=7"],
        ["+experiment=best_fast", "optimizer=sgd", "optimizer.lr=0.02", "callbacks=averaged"],
        ["monitor=val/acc", "callbacks.early_stopping=null", "~optimizer.fused"],
        ["optimizer._target_=torch.optim.RMSprop", "~optimizer.fused", "scheduler=cosine"],
    ],
)
def test_the_overrides_found_compose_to_the_same_run(overrides):
    again = overrides_of(compose_plain(overrides))
    assert compose_plain(again) == compose_plain(overrides)
    assert signature(compose_config(again)) == signature(compose_config(overrides))
    assert len(again) < 30  # by named choices, not key by key


def test_what_is_ones_own_is_not_called_by_a_choice_that_has_as_few_keys():
    config = compose_plain()
    config["model"] = {"_target_": "my.Net", "depth": 3}
    assert overrides_of(config) == ["model._target_=my.Net", "+model.depth=3"]
    config = compose_plain()  # which has no scheduler
    config["scheduler"] = {"_target_": "my.Warmth", "interval": "step"}
    said = ["+scheduler._target_=my.Warmth", "+scheduler.interval=step"]
    assert overrides_of(config) == said


def test_overrides_of_a_recipe_are_what_was_typed_and_not_what_follows_from_it():
    typed = ["optimizer.lr=0.1", "callbacks.early_stopping=null", "monitor=val/acc"]
    recipe = ["+experiment=best_fast"]
    assert set(overrides_of(compose_plain([*recipe, *typed]), recipe)) == set(typed)
    assert overrides_of(compose_plain(recipe), recipe) == []


def test_the_command_is_the_one_that_was_typed(tmp_path, make_run):
    runs = [make_run(tmp_path / f"fold{fold}", fold) for fold in (1, 2)]
    typed = ["data=demo", "split.fold=all", "name='a b'", "output_dir=/x", "trial.number=3"]
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(typed))
    expected = ["python", "train.py", "data=demo", "name='a b'", "seed=1", "split.fold=1"]
    assert shlex.split(command(find_subject(runs[0]))) == expected
    both = shlex.split(command(find_subject(tmp_path)))
    assert both == [*expected[:2], "-m", *expected[2:5], "split.fold=1,2"]


def test_without_any_config_there_is_no_command(tmp_path, make_run):
    subject = find_subject(make_run(tmp_path / "run"))
    assert command(replace(subject)) is None and isinstance(subject, Subject)


def test_an_evaluation_is_repeated_by_no_training(tmp_path, make_run):
    run = make_run(tmp_path / "run", protocol="evaluation")
    (run / "config.yaml").write_text("fold: all\ndata: {_target_: esc50.data.datasets.ESC50}\n")
    subject = find_subject(run)
    assert command(subject) is None
    assert "Nothing was trained" in tables.differences(subject)


def test_values_are_spelled_as_hydra_reads_them():
    values = [None, True, 3, 1e-5, "a/b", "two words, 'quoted'", [1, [2, "a b"]], {"k": None}]
    found = compose_plain([f"+model.x{n}={spell(value)}" for n, value in enumerate(values)])
    assert [found["model"][f"x{n}"] for n in range(len(values))] == values


def test_the_tested_epoch_is_read_from_its_checkpoint(tiny_run, tmp_path):
    assert read_chosen_epoch(tiny_run / "checkpoints" / "best.ckpt") in (1, 2)
    assert read_chosen_epoch(tmp_path / "none.ckpt") is None
    torch.save({"epoch": None}, tmp_path / "odd.ckpt")
    assert read_chosen_epoch(tmp_path / "odd.ckpt") is None


def test_the_command_is_typed_as_one_is_where_one_is(tmp_path, make_run, monkeypatch):
    run = make_run(tmp_path / "run")
    (run / ".hydra").mkdir()
    (run / ".hydra" / "overrides.yaml").write_text("[data=demo]")
    monkeypatch.chdir(tmp_path)  # where there is no train.py
    assert command(find_subject(run)) == "esc50-train data=demo seed=1 split.fold=1"

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from esc50.config.choices import (
    CONF,
    OPTIONS,
    RENAMED,
    describe_refusal,
    quote_paths,
    refuse_overrides,
    renamed,
)


def test_the_folder_of_the_choices_is_found():
    assert (CONF / "train.yaml").is_file()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("callbacks.pictures", "callbacks.pictures is now called callbacks.images"),
        ("callbacks.pictures.n_clips", "callbacks.pictures is now called callbacks.images"),
        ("callbacks.picturesque", None),
        ("callbacks", None),
        ("augment.eq_db", None),
    ],
)
def test_a_key_of_an_earlier_version_is_told_from_others(key, sentence):
    assert renamed(key) == sentence


def test_no_new_name_is_an_earlier_one():
    assert not set(RENAMED) & set(RENAMED.values())


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("model=true", "error: model=true is invalid: choose one of "),
        ("+experiment=[1]", "error: +experiment=[1] is invalid: choose one of "),
        ("~augment=1e999", "error: ~augment=1e999 is invalid: choose one of medium, none, online,"),
        ("split=null", "error: split=null is invalid: choose one of given, literature, official,"),
        ("~augment=[]", "error: ~augment=[] is invalid: choose one of medium, none, online,"),
        ("augment@y=null", "error: augment@y=null is invalid: choose one of medium, none, online,"),
        ("+split=NULL", "error: +split=NULL is invalid: choose one of"),
        ("+model.timm=vit", "error: model.timm is now called model.name"),
        ("~augment.colour_db", "error: augment.colour_db is now called augment.eq_db"),
    ],
)
def test_what_hydra_would_answer_in_its_own_words_is_refused(argument, sentence):
    with pytest.raises(SystemExit) as end:
        refuse_overrides(["seed=1", argument])
    assert str(end.value).startswith(sentence)


def test_other_arguments_are_left_to_hydra():
    refuse_overrides(["9" * 400])  # longer than a file's name may be
    refuse_overrides(["-m", "data=esc10", "logger.tensorboard=null", "nothing=null", "--cfg"])


PLAIN = ["plain", "a:b", "$x", "Geräusche (1)", "a=b, c", "{x}"]
QUOTED = ["it's [here]", "a'", "a\\", "a\\'\\\\", "~"]


@pytest.mark.parametrize("name", PLAIN + QUOTED)
def test_a_path_that_exists_is_taken_as_it_stands(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    (argument,) = quote_paths([f"data.root={folder}"])
    (override,) = OverridesParser.create().parse_overrides([argument])
    assert not override.is_sweep_override() and str(override.value()) == str(folder)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("~", "HOME"),
        ("~/runs", "HOME/runs"),
        ('"~/runs"', '"HOME/runs"'),
        ("'~/runs'", "'HOME/runs'"),
        ("~/a b", "'HOME/a b'"),
        ('[~/a,"~/b"]', '[HOME/a,"HOME/b"]'),
        ("~/a,~/b", "HOME/a,HOME/b"),
        ("a~/b", "a~/b"),
        ("./~/b", "./~/b"),
        ("~nobody-is-called-so/b", "~nobody-is-called-so/b"),
    ],
)
def test_a_tilde_is_the_home_folder(typed, written, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    if " " in typed:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "a b").mkdir()
    home = str(Path.home())
    assert quote_paths([f"+data.root={typed}"]) == [f"+data.root={written.replace('HOME', home)}"]


def test_what_is_no_path_is_left_to_hydra():
    arguments = "-m split.fold=1,2 model.stem_stride=[4,4] data.root='/x' +a=b=c ~data x".split()
    assert quote_paths(arguments) == arguments


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimzer.lr=1", "optimzer.lr is not a setting: did you mean optimizer.lr?"),
        ("optimizer.lrr=1", "optimizer.lrr is not a setting: did you mean optimizer.lr?"),
        ("modle=resnet18", "modle is not a setting: did you mean model?"),
        ("fold=1", "fold is not a setting: did you mean split.fold?"),
        ("lr=3", "lr is not a setting: did you mean optimizer.lr?"),
        ("epochs=2", "epochs is not a setting: did you mean trainer.max_epochs?"),
        ("trainer.seed=2", "trainer.seed is not a setting: did you mean seed?"),
        ("data.root=/x,augment=none", "an argument goes on where it should end (mismatched input"),
        ("nothing=1", "nothing is not a setting: --cfg job shows all there are"),
        ("+experiment=bset", "there is no experiment/bset: did you mean best? choose one of ast"),
        ("optimizer=adamm", "there is no optimizer/adamm: did you mean adam? choose one of adam, "),
        ("experiment=best", "Could not override 'experiment'. No match in the defaults list: To"),
        ("seed=1,2", "seed=1,2 gives several values: add -m for a job of each, or write key"),
        ("batch_size=[1", "[1 cannot be read as a value: close its brackets and quotes"),
        ("foo", "Error parsing override 'foo': missing EQUAL"),
        ("output_dir=/a/é", "output_dir=/a/é cannot be read: put its value in quotes, as in"),
    ],
)
def test_what_hydra_says_in_many_lines_is_one_sentence(override, sentence):
    directory = initialize_config_dir(version_base="1.3", config_dir=str(CONF))
    with directory, pytest.raises(HydraException) as refused:
        compose("train", [override])
    said = describe_refusal(refused.value)
    assert said.startswith(sentence) and "\n" not in said


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--experiment", "--experiment is no option: settings have no dashes, +experiment=VALUE"),
        ("--batch_size=16", "settings have no dashes, batch_size=16"),
        ("--hlep", "there is no option --hlep: did you mean --help?"),
        ("first_run", "first_run is a recipe: +experiment=first_run"),
        ("experiment=first_run", "wants a plus, since no recipe is the default: +experiment=first"),
    ],
)
def test_what_newcomers_type_is_told_from_options_and_settings(argument, sentence):
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        refuse_overrides([argument])


def test_options_that_hydra_has_are_left_to_it():
    for option in OPTIONS:
        refuse_overrides([f"--{option}"])
    refuse_overrides(["--cfg=job", "-m", "--config-dir", "best"])

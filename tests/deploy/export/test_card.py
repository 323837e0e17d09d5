import json
from itertools import pairwise

import pytest
import yaml

from esc50.deploy.export.card import Checked, metadata, model_card, network_name, words
from tests.deploy.small import FEATURES, small_model


def checked(name="float32", accuracy=0.75, difference=0.0, model=None):
    return Checked(name, 4, difference, 0, accuracy, words([model or small_model()]))


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_metadata_is_all_strings():
    about = metadata([small_model()], checked())
    assert all(isinstance(value, str) for value in about.values())
    assert json.loads(about["classes"]) == ["dog", "rain|<b>", "sea_waves"]
    assert (about["sample_rate"], about["n_samples"], about["test/acc"]) == (
        "8000",
        "4000",
        "0.7500",
    )
    assert about["leaky"] == about["synthetic"] == "false" and "CC BY" in about["data_licence"]


def test_a_leaky_accuracy_never_stands_without_the_word():
    model = small_model(leaky=True, synthetic=True, data="demo")
    answer = checked(model=model)
    about = metadata([model], answer)
    assert about["LEAKY/test/acc"] == "0.7500" and "test/acc" not in about
    card = model_card([model], [answer, checked("model.onnx", model=model)])
    for line in card.splitlines():
        if "75" in line and not line.startswith("|"):
            assert "LEAKY, synthetic sound" in line, line
    header = next(line for line in card.splitlines() if line.startswith("| |"))
    assert "accuracy (LEAKY, synthetic sound)" in header
    assert "LEAKY" in str(answer)


def test_an_ensemble_is_as_good_as_the_worst_of_its_networks():
    models = [small_model(), small_model(1, synthetic=True), small_model(2, leaky=True)]
    assert words(models) == " (LEAKY, synthetic sound)"
    about = metadata(models, checked())
    assert about["leaky"] == about["synthetic"] == "true" and "LEAKY/test/acc" in about


def test_where_its_weights_began_is_told():
    assert "on `esc10`, from scratch." in model_card([small_model()], [checked()])
    card = model_card([small_model(pretrained_on="ImageNet", origin="a/seed1/fold1")], [checked()])
    assert "starting from weights of a/seed1/fold1, before that ImageNet." in card


@pytest.mark.parametrize(
    ("channel", "words", "line"),
    [
        (None, "(the mean of several channels)", "sound.mean(axis=1)"),
        (2, "(channel 2 of several)", "sound[:, 1 if sound.shape[1] > 1 else 0]"),
        (
            "loudest",
            "(the loudest of several channels)",
            "sound[:, (sound**2).sum(axis=0).argmax()]",
        ),
    ],
)
def test_what_is_heard_of_several_channels_is_told_and_done(channel, words, line):
    model = small_model(features={**FEATURES, "channel": channel})
    card = model_card([model], [checked()])
    assert words in card and f"clip[0, : len(sound)] = {line}\nprobabilities = " in card


def test_the_card_is_read_by_a_hub():
    files = [checked("model.onnx", difference=1e-6), checked("model.int8.onnx", 0.5, 0.2)]
    card = model_card([small_model()], [checked(), *files])
    about = front_matter(card)
    assert about["license"] == "cc-by-3.0" and about["pipeline_tag"] == "audio-classification"
    assert about["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.75
    assert "| `model.int8.onnx` | 2.0e-01 | 0 | 50.00% |" in card
    assert r"rain\|\<b>" in card
    rows = [line.count("|") - line.count(r"\|") for line in card.splitlines() if line[:1] == "|"]
    assert rows and all(first == second for first, second in pairwise(rows))


def test_what_was_not_measured_is_not_stated():
    model = small_model()
    card = model_card([model], [checked(accuracy=None), checked("model.onnx", None)])
    assert "model-index" not in front_matter(card) and "was not measured" in card
    ensemble = model_card([model, small_model(1, fold=2)], [checked(accuracy=None)])
    assert "An ensemble of 2 networks" in ensemble and "folds 1, 2" in ensemble
    assert "test/acc" not in metadata([model], checked(accuracy=None))


def test_a_threshold_is_told():
    model = small_model(threshold={"probability": 0.625, "kept": 0.95, "clips": 40})
    assert metadata([model], checked())["threshold"] == "0.625000"
    card = model_card([model], [checked()])
    assert "none of these: below 0.625" in card


def test_who_taught_it_is_told():
    model = small_model(teachers="best-0123456789/seed1/fold1 (0123)")
    assert "**Taught by** best-0123456789/seed1/fold1" in model_card([model], [checked()])
    assert "Taught by" not in model_card([small_model()], [checked()])


def test_a_network_of_ones_own_is_named_with_its_module():
    assert network_name("esc50.model.beats.beats") == "beats"
    assert network_name("my.Net") != network_name("other.Net")

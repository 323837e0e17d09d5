import csv

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from esc50.api import build_datamodule, load_recipe
from esc50.audio.spec import FeatureSpec
from esc50.config.choices import CONF
from esc50.errors import UserError
from esc50.model.trained import NETWORKS, load_trained


@pytest.fixture
def best(tiny_run):
    return tiny_run / "checkpoints" / "best.ckpt"


@pytest.fixture
def changed(best, tmp_path):
    """Writes a checkpoint with something in it changed."""

    def make(change):
        checkpoint = torch.load(best, weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    return make


def test_its_probabilities_are_those_of_the_test_to_the_bit(tiny_run, tiny_overrides, best):
    data = build_datamodule(load_recipe(None, *tiny_overrides))
    model = load_trained(best)
    items = torch.from_numpy(data.split.test)
    batches = data.clips["logmel"][items].split(data.batch_size)
    probabilities = torch.cat([model.probabilities(batch) for batch in batches])
    with (tiny_run / "predictions.csv").open() as file:
        header, *rows = csv.reader(file)
    first = header.index(model.classes[0])
    written = {row[0]: row[first : first + len(model.classes)] for row in rows}
    for item, row in zip(items.tolist(), probabilities, strict=True):
        assert written[data.table.filenames[item]] == [f"{p:.8g}" for p in row.tolist()]


def test_the_last_layer_makes_the_logits_of_the_embedding(best):
    model = load_trained(best)
    x = torch.randn(3, 1, 32, 32)
    embedding = model.embed(x)
    assert embedding.shape == (3, 128)  # of a network of 16 channels
    expected = model.network.fc(embedding)
    np.testing.assert_allclose(model.logits(x), expected, atol=0.05)  # one of them in bfloat16


def test_gradients_reach_the_input(best):
    x = torch.randn(2, 1, 32, 32, requires_grad=True)
    load_trained(best).logits(x)[:, 0].sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


@pytest.mark.parametrize("target", ["os.system", "esc50.model.trained.torch.os.system"])
def test_a_network_of_another_package_is_not_imported(changed, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)

    def point_elsewhere(checkpoint):
        checkpoint["esc50"]["config"]["model"] = {"_target_": target, "command": "touch pwned"}

    with pytest.raises(UserError, match=r"os\.system', code of another package"):
        load_trained(changed(point_elsewhere))
    assert not (tmp_path / "pwned").exists()


def test_features_of_another_package_are_not_imported_but_by_those_who_trust_them(changed):
    def point_elsewhere(checkpoint):
        checkpoint["esc50"]["features"]["_target_"] = "tests.model.test_trained.Own"

    path = changed(point_elsewhere)
    with pytest.raises(UserError, match=r"its features are 'tests\.model.*another package"):
        load_trained(path)
    assert type(load_trained(path, trusted=True).spec).__name__ == "Own"


class Own(FeatureSpec):
    """Features of a user's own."""


def test_a_checkpoint_from_before_there_were_kinds_is_of_log_mels(changed):
    path = changed(lambda checkpoint: checkpoint["esc50"]["features"].pop("_target_"))
    assert type(load_trained(path).spec) is FeatureSpec


def test_networks_of_this_package_are_known():
    sections = map(OmegaConf.load, (CONF / "model").glob("*.yaml"))
    targets = {section._target_ for section in sections if "_target_" in section}
    assert targets == set(NETWORKS)


def test_features_of_another_version_are_named(changed):
    with pytest.raises(UserError, match=r"is not for this version: features\.pcen is not"):
        load_trained(changed(lambda checkpoint: checkpoint["esc50"]["features"].update(pcen=True)))


def test_a_newer_format_is_named(changed):
    with pytest.raises(UserError, match="is of format 99, this version reads 1"):
        load_trained(changed(lambda checkpoint: checkpoint["esc50"].update(format=99)))


def test_weights_of_another_network_are_refused(changed):
    def drop_one(checkpoint):
        del checkpoint["state_dict"]["network.fc.weight"]

    with pytest.raises(UserError, match="its weights are not those of its network"):
        load_trained(changed(drop_one))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a checkpoint that this package wrote"):
        load_trained(path)
    with pytest.raises(UserError, match="is no file"):
        load_trained(tmp_path / "none.ckpt")

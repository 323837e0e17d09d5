"""The recipes of conf/experiment/best*.yaml, on a set small enough to train on."""

import pytest
import torch
from torchvision.models import resnet18

from esc50.training.fold import run_fold

SMALL = ["features.frames=64", "features.height=16", "features.width=16", "trainer.max_epochs=2"]


def test_the_best_recipe_chooses_nothing_on_the_tested_fold(config, tmp_path):
    results = run_fold(config("+experiment=best", *SMALL), tmp_path / "run")
    assert results["protocol"] == "literature" and results["n_val"] == 0
    assert results["epochs"] == 2 and not results["leaky"]
    assert not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()


@pytest.mark.parametrize("batch_size", [4, pytest.param(32, marks=pytest.mark.slow)])
def test_the_best_recipe_trains_for_one_epoch(config, tmp_path, batch_size):
    few = ["trainer.max_epochs=1", f"batch_size={batch_size}"]  # ten steps, or two
    results = run_fold(config("+experiment=best", *SMALL, *few), tmp_path / "run")
    assert results["epochs"] == 1


@pytest.mark.slow
def test_another_network_trains_by_the_best_recipe(config, tmp_path):
    pytest.importorskip("timm")
    settings = ["+experiment=best_fast", "model=vit_tiny", *SMALL]
    results = run_fold(config(*settings, "features.height=32", "features.width=32"), tmp_path)
    assert results["epochs"] == 2 and results["protocol"] == "literature"


@pytest.mark.slow
def test_the_recipe_from_imagenet_begins_at_the_weights_it_is_given(config, tmp_path):
    torch.manual_seed(0)
    given = resnet18().state_dict()
    torch.save(given, tmp_path / "weights.pth")
    settings = ["+experiment=best_imagenet", f"model.weights={tmp_path / 'weights.pth'}"]
    settings += [*SMALL, "optimizer.lr=0.0", "optimizer.weight_decay=0.0"]
    run_fold(config(*settings), tmp_path / "run")
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    trained = last["state_dict"]["network.layer3.0.conv1.weight"]
    assert torch.equal(trained, given["layer3.0.conv1.weight"])

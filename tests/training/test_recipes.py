"""The recipes of conf/experiment/best*.yaml, on a set small enough to train on."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torchvision.models import resnet18

from esc50.api import build_datamodule, load
from esc50.config.composition import compose_config
from esc50.training.experiment import run
from esc50.training.fold import run_fold
from tests.training.weights import same_weights, weights

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


@pytest.fixture
def classical(tiny_overrides, tmp_path):
    """Composes the classical recipe on `tiny`, whose features have no size to set."""

    def make(*overrides: str):
        mine = [
            one for one in tiny_overrides if not re.match(r"features\.(frames|height|width)", one)
        ]
        mine += ["trainer.max_epochs=1", "trainer.precision=32-true"]
        return compose_config(
            ["+experiment=classical", *mine, f"output_dir={tmp_path / 'outputs'}", *overrides]
        )

    return make


def test_the_classical_recipe_is_scikit_learns_forest(classical, tmp_path):
    cfg = classical("model.n_estimators=20")
    results = run_fold(cfg, tmp_path / "run")
    assert (results["protocol"], results["epochs"], results["leaky"]) == ("literature", 1, False)
    data = build_datamodule(cfg)
    pictures = data.clips["logmel"].numpy().astype(np.float64)[:, 0]
    described = np.concatenate([pictures.mean(2), pictures.std(2)], 1).astype(np.float32)
    train, test = np.sort(data.split.train), data.split.test
    targets = data.table.targets
    forest = RandomForestClassifier(20, random_state=cfg.seed).fit(described[train], targets[train])
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    ours = np.array([row[header.index("tone0") :] for row in rows], np.float64)
    np.testing.assert_allclose(ours, forest.predict_proba(described[test]), atol=1e-6)
    assert results["train/acc"] == forest.score(described[train], targets[train])
    assert results["test/acc"] == pytest.approx(forest.score(described[test], targets[test]))
    answer = load(tmp_path / "run").predict(data.table.paths[test[0]])
    np.testing.assert_allclose(answer.probabilities, ours[0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["random_forest", "svm"])
def test_a_classical_run_over_all_folds_is_there_once_and_the_same_again(
    classical, tmp_path, model
):
    cfg = classical(f"model={model}", "split=official", "split.fold=all", "report=true")
    for place in ("one", "two"):
        assert run(cfg, tmp_path / place) is not None  # the log loss of the validation clips
    summary = json.loads((tmp_path / "one" / "summary.json").read_text())
    assert len(summary["test/acc_folds"]) == 5 and summary["test/acc_mean"] > 0.5
    one, two = (tmp_path / place / "fold2" for place in ("one", "two"))
    assert same_weights(weights(one), weights(two))
    assert same_weights(weights(one), weights(one, "best"))
    assert (one / "predictions.csv").read_bytes() == (two / "predictions.csv").read_bytes()
    assert "one pass over the training clips" in (one / "report.html").read_text()
    written = (one / "results.json").stat().st_mtime_ns
    run(cfg, tmp_path / "one")
    assert (one / "results.json").stat().st_mtime_ns == written
    (one / "results.json").unlink()  # cut off between the fit and the test
    run_fold(classical(f"model={model}", "split=official", "split.fold=2"), one)
    assert (one / "predictions.csv").read_bytes() == (two / "predictions.csv").read_bytes()

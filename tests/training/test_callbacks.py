import csv

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from esc50.data.datamodule import ESC50DataModule
from esc50.errors import DivergenceError
from esc50.model.lightning.metrics import CategoryAccuracy
from esc50.model.resnet import single_channel_resnet18
from esc50.training.callbacks import WeightAverage
from esc50.training.fold import run_fold
from esc50.training.resume.checkpoints import AtomicCheckpointIO
from tests.training.weights import same_weights, weights


@pytest.fixture
def written(monkeypatch):
    """The epochs after which last.ckpt was written."""
    epochs, save = [], AtomicCheckpointIO.save_checkpoint

    def noted(self, checkpoint, path, storage_options=None):
        save(self, checkpoint, path, storage_options)
        if str(path).endswith("last.ckpt"):
            epochs.append(checkpoint["epoch"])

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", noted)
    return epochs


@pytest.mark.parametrize(
    ("fraction", "epochs"), [(1.0, [0, 1, 2, 3]), pytest.param(0.0, [0, 3], marks=pytest.mark.slow)]
)
def test_last_checkpoint_takes_no_more_than_its_time(config, tmp_path, written, fraction, epochs):
    settings = [
        "split=literature",
        "trainer.max_epochs=4",
        f"callbacks.last.max_time_fraction={fraction}",
    ]
    run_fold(config(*settings), tmp_path / "run")
    assert written == epochs


@pytest.mark.slow
def test_the_epoch_that_stops_a_run_early_is_written(config, tmp_path, written):
    settings = ["trainer.max_epochs=9", "callbacks.early_stopping.patience=1", "optimizer.lr=0.0"]
    results = run_fold(config(*settings, "callbacks.last.max_time_fraction=0.0"), tmp_path / "run")
    assert written == [0, results["epochs"] - 1] and results["epochs"] < 9


@pytest.mark.parametrize(
    ("split", "kept"),
    [pytest.param("literature", "last", marks=pytest.mark.slow), ("official", "best")],
)
def test_the_averaged_weights_are_the_ones_tested_and_kept(config, tmp_path, split, kept):
    settings = [f"split={split}", "callbacks=averaged", "callbacks.average.decay=0.7"]
    settings += ["trainer.precision=32-true"]  # the network below computes in it
    settings += ["callbacks.last.keep_optimizer=true"]  # and the last step's weights with it
    results = run_fold(config(*settings), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / f"{kept}.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    average, last_step = checkpoint["state_dict"], checkpoint["current_model_state"]
    assert not torch.equal(average["network.conv1.weight"], last_step["network.conv1.weight"])
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clips, table = clip_features_of(config(*settings), [row["clip"] for row in rows])
    losses = {}
    for name, state in (("average", average), ("last step", last_step)):
        network = single_channel_resnet18(5, width=16).eval()
        network.load_state_dict(
            {key.removeprefix("network."): value for key, value in state.items()}
        )
        with torch.no_grad():
            scores = network((clips - 0.5) / 0.5)
        losses[name] = torch.nn.functional.cross_entropy(scores, table).item()
    assert results["test/loss"] == pytest.approx(losses["average"], rel=1e-4)
    assert results["test/loss"] != pytest.approx(losses["last step"], rel=1e-2)


def test_whole_numbers_beside_averaged_weights_stay_what_they_are():
    module = pl.LightningModule()
    module.weight = torch.nn.Parameter(torch.zeros(2))
    module.metric = CategoryAccuracy(torch.tensor([0, 1, 2, 3, 4]))
    callback = WeightAverage(0.9)
    callback.setup(pl.Trainer(logger=False, accelerator="cpu"), module, "fit")
    for value in (1.0, 2.0, 2.0):
        torch.nn.init.constant_(module.weight, value)
        callback._average_model.update_parameters(module)
    average = callback._average_model.module
    assert average.metric.group_of_class.tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(average.weight.data, torch.full((2,), 1.19))


def clip_features_of(cfg, names):
    """Pictures and targets of the named clips."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    sections = {key: plain[key] for key in ("data", "split", "features", "augment")}
    data = ESC50DataModule(**sections, batch_size=cfg.batch_size, seed=cfg.seed)
    data.setup()
    rows = [data.table.filenames.index(name) for name in names]
    return data.clips["logmel"][rows], torch.from_numpy(data.table.targets[rows])


@pytest.mark.slow
def test_a_run_that_stopped_early_does_not_go_on_when_continued(config, tmp_path):
    settings = ["trainer.max_epochs=9", "callbacks.early_stopping.patience=1", "optimizer.lr=0.0"]
    settings += ["callbacks.last.keep_optimizer=true"]
    first = run_fold(config(*settings), tmp_path / "run")
    assert first["epochs"] < 9
    (tmp_path / "run" / "results.json").unlink()  # as if killed between the fit and the test
    second = run_fold(config(*settings), tmp_path / "run")
    assert second["epochs"] == first["epochs"]
    assert second["test/loss"] == first["test/loss"]


@pytest.mark.slow
def test_a_moved_run_goes_on_and_keeps_its_best_epoch(config, tmp_path):
    # At this learning rate the epochs after the first are worse, which is what must not win.
    settings = ["trainer.max_epochs=3", "optimizer=sgd", "optimizer.lr=0.5"]
    settings += ["callbacks.early_stopping=null", "trainer.precision=32-true"]
    settings += ["callbacks.last.keep_optimizer=true"]
    whole = run_fold(config(*settings), tmp_path / "whole")
    before = run_fold(config(*settings, "trainer.max_epochs=1"), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    (tmp_path / "short").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / last.relative_to(tmp_path / "short")
    results = run_fold(config(*settings, f"ckpt_path={moved}"), tmp_path / "longer")
    assert before["val/loss"] >= whole["val/loss"]
    assert results["val/loss"] == whole["val/loss"] and results["test/loss"] == whole["test/loss"]
    assert same_weights(weights(tmp_path / "longer", "best"), weights(tmp_path / "whole", "best"))


def test_a_diverging_run_ends_in_a_sentence_and_leaves_no_result(config, tmp_path):
    with pytest.raises(
        DivergenceError, match=r"epoch 1, step \d+.*learning rate 1e\+30.*optimizer\.lr"
    ):
        run_fold(config("optimizer.lr=1e30"), tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()
    assert not (tmp_path / "outputs" / "results.csv").exists()
    assert not list((tmp_path / "run").rglob("*.ckpt"))


def test_weights_that_diverge_in_the_last_step_are_not_kept(config, tmp_path):
    once = ["split=literature", "batch_size=64", "trainer.max_epochs=1", "optimizer=sgd"]
    with pytest.raises(DivergenceError, match="not finite"):
        run_fold(config(*once, "optimizer.lr=1e300", "trainer.precision=32-true"), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.ckpt"))

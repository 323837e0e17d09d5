import pytest

from esc50.training.checkpoints import AtomicCheckpointIO
from esc50.training.fold import run_fold


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


@pytest.mark.parametrize(("fraction", "epochs"), [(0.0, [0, 3]), (1.0, [0, 1, 2, 3])])
def test_last_checkpoint_takes_no_more_than_its_time(config, tmp_path, written, fraction, epochs):
    settings = [
        "split=literature",
        "trainer.max_epochs=4",
        f"callbacks.last.max_time_fraction={fraction}",
    ]
    run_fold(config(*settings), tmp_path / "run")
    assert written == epochs


def test_the_epoch_that_stops_a_run_early_is_written(config, tmp_path, written):
    settings = ["trainer.max_epochs=9", "callbacks.early_stopping.patience=1", "optimizer.lr=0.0"]
    results = run_fold(config(*settings, "callbacks.last.max_time_fraction=0.0"), tmp_path / "run")
    assert written == [0, results["epochs"] - 1] and results["epochs"] < 9

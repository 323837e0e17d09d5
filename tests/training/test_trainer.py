from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from esc50.errors import UserError
from esc50.training.callbacks import DivergenceCheck, LastCheckpoint
from esc50.training.resume.checkpoints import AtomicCheckpointIO
from esc50.training.trainer import build_trainer, check_test, check_trainer


@pytest.fixture
def plain(config):
    def make(*overrides):
        section = OmegaConf.to_container(config(*overrides), resolve=True)
        section["trainer"]["precision"] = "32-true"
        return section

    return make


def build(plain, folder, validates=True):
    meters = [pl.callbacks.Timer()]
    return build_trainer(
        plain, folder, 1, validates=validates, leaky=False, goes_on=False, meters=meters
    )


def test_everything_is_written_into_the_runs_folder(plain, tmp_path):
    trainer, keeper = build(plain("logger=tensorboard_csv"), tmp_path)
    assert (keeper.monitor, keeper.dirpath) == ("val/loss", str(tmp_path / "checkpoints"))
    assert {Path(logger.log_dir) for logger in trainer.loggers} == {tmp_path}
    assert any(isinstance(callback, DivergenceCheck) for callback in trainer.callbacks)
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)


def test_without_validation_nothing_looks_at_a_metric_and_the_last_is_tested(plain, tmp_path):
    trainer, keeper = build(plain("split=literature"), tmp_path, validates=False)
    assert isinstance(keeper, LastCheckpoint)
    assert not any(getattr(callback, "monitor", None) for callback in trainer.callbacks)


def test_a_run_without_any_checkpoint_is_refused(plain, tmp_path):
    with pytest.raises(UserError, match=r"callbacks\.last=null leaves no checkpoint to test"):
        build(plain("callbacks.best=null", "callbacks.last=null"), tmp_path)


def test_a_test_of_less_than_a_batch_is_refused(plain):
    check_test(plain("batch_size=8"), 1)
    check_test(plain("batch_size=8", "trainer.limit_test_batches=0.5"), 9)
    with pytest.raises(UserError, match=r"limit_test_batches=0\.5 is less than one of 1 test"):
        check_test(plain("batch_size=8", "trainer.limit_test_batches=0.5"), 8)


def test_what_a_part_refuses_is_told_with_its_name(plain, tmp_path):
    with pytest.raises(UserError, match=r"callbacks\.best: .* refuses its arguments: .*every_n"):
        build(plain("+callbacks.best.every_n_epochs=-1"), tmp_path)


def test_arguments_that_do_not_fit_are_refused(plain):
    section = plain()
    check_trainer(section)
    for key in ("trainer", "callbacks.images"):
        wrong = OmegaConf.create(section)
        OmegaConf.update(wrong, f"{key}.steeps", 3, force_add=True)
        with pytest.raises(UserError, match=f"{key}.steeps is not an argument of"):
            check_trainer(OmegaConf.to_container(wrong))


def test_an_accelerator_that_is_not_there_is_named(plain, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"trainer\.accelerator=cuda finds none .* auto or cpu"):
        check_trainer(plain("trainer.accelerator=cuda"))

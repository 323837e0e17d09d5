import shutil
import signal

import pytest

from esc50.errors import Stopped
from esc50.training import experiment
from esc50.training.experiment import run


def test_a_fold_gives_the_monitored_metric_and_is_shown(config, tmp_path, capsys):
    value = run(config("trainer.max_epochs=1", "monitor=val/acc"), tmp_path / "run")
    assert 0 <= value <= 1
    out = capsys.readouterr().out
    assert "official split, fold 1, seed 42" in out and f"everything is in {tmp_path}" in out


def test_a_stop_after_the_run_says_what_is_left(config, tiny_run, tmp_path, monkeypatch):
    def stop(*_):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(experiment, "print_fold", stop)
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    with pytest.raises(Stopped, match=f"the same command does what is left to do in {folder}"):
        run(config("callbacks.last.keep_optimizer=true"), folder)


@pytest.mark.slow
def test_without_validation_there_is_none(config, tmp_path):
    assert run(config("split=literature", "trainer.max_epochs=1"), tmp_path / "run") is None

import pytest

from esc50.training.experiment import run


def test_a_fold_gives_the_monitored_metric_and_is_shown(config, tmp_path, capsys):
    value = run(config("trainer.max_epochs=1", "monitor=val/acc"), tmp_path / "run")
    assert 0 <= value <= 1
    out = capsys.readouterr().out
    assert "official split, fold 1, seed 42" in out and f"everything is in {tmp_path}" in out


@pytest.mark.slow
def test_without_validation_there_is_none(config, tmp_path):
    assert run(config("split=literature", "trainer.max_epochs=1"), tmp_path / "run") is None

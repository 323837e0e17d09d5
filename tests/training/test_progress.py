import re

from esc50.training.fold import run_fold


def test_a_log_gets_one_line_per_epoch(config, tmp_path, capsys):
    run_fold(config("trainer.enable_progress_bar=true", "trainer.max_epochs=2"), tmp_path / "run")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    number = r"\d+\.\d{4}"
    metrics = rf"train/loss {number}, train/acc {number}, val/loss {number}, val/acc {number}"
    assert re.fullmatch(rf"epoch 1/2: {metrics}, \d+ clips/s, \d+ s left", lines[0])
    assert re.fullmatch(rf"epoch 2/2: {metrics}, \d+ clips/s", lines[1])


def test_without_a_bar_there_are_no_lines(config, tmp_path, capsys):
    run_fold(config("trainer.max_epochs=1"), tmp_path / "run")
    assert "epoch 1" not in capsys.readouterr().out

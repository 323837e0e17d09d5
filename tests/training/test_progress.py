import re
import sys

import pytest

from esc50.training.fold import run_fold


def test_a_log_gets_one_line_per_epoch(config, tmp_path, capsys):
    run_fold(config("trainer.enable_progress_bar=true", "trainer.max_epochs=2"), tmp_path / "run")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    number = r"\d+\.\d{4}"
    metrics = rf"train/loss {number}, train/acc {number}, val/loss {number}, val/acc {number}"
    assert re.fullmatch(rf"epoch 1/2: {metrics}, \d+ clips/s, \d+ s left", lines[0])
    assert re.fullmatch(rf"epoch 2/2: {metrics}, \d+ clips/s", lines[1])


def test_a_terminal_gets_a_bar_of_one_line_as_well(config, tmp_path, capsys, monkeypatch):
    for key, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "80")):
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    run_fold(config("trainer.enable_progress_bar=true", "trainer.max_epochs=1"), tmp_path / "run")
    out, err = capsys.readouterr()
    assert re.search(r"^epoch 1/1: .*val/acc", out, re.MULTILINE)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err)
    assert "epoch 1/1" in shown and "validation" in shown and "test" in shown
    assert max(map(len, re.split(r"[\r\n]", shown))) <= 80
    assert "\x1b[1A\x1b[2K\x1b[1A" not in err  # it never had a second line to take back


@pytest.mark.slow
def test_lines_can_be_left_out(config, tmp_path, capsys):
    run = config("trainer.enable_progress_bar=true", "callbacks.progress.lines=false")
    run_fold(run, tmp_path / "run")
    assert "epoch 1" not in capsys.readouterr().out


@pytest.mark.slow
def test_without_a_bar_there_are_no_lines(config, tmp_path, capsys):
    run_fold(config("trainer.max_epochs=1"), tmp_path / "run")
    assert "epoch 1" not in capsys.readouterr().out

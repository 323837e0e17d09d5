from pathlib import Path

from esc50.config.typed import as_command, as_typed, typed_path
from tests.conftest import REPOSITORY


def test_commands_are_scripts_in_a_clone_and_elsewhere_what_was_installed(monkeypatch, tmp_path):
    monkeypatch.chdir(REPOSITORY)
    assert (as_command("train"), as_command("results")) == (
        "python train.py",
        "python scripts/results.py",
    )
    monkeypatch.chdir(tmp_path)
    assert as_typed("python train.py -m | python scripts/results.py x") == (
        "esc50-train -m | esc50-results x"
    )
    assert as_typed(None) == ""


def test_a_tilde_is_the_home_folder_where_there_is_one(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert typed_path("~/a") == Path("/home/me/a") and typed_path("a/~") == Path("a/~")
    assert typed_path("~nobody-is-called-so") == Path("~nobody-is-called-so")

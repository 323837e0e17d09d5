from esc50.config.typed import as_command, as_typed
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

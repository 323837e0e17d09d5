"""The scripts as commands of an installed package."""

import importlib.util
import tomllib

import pytest

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
COMMANDS = {
    name: entry
    for name, entry in PROJECT["project"]["scripts"].items()
    if entry.startswith("esc50.commands.")
}


def test_scripts_travel_with_the_package():
    setuptools = PROJECT["tool"]["setuptools"]
    assert setuptools["package-dir"]["esc50.commands"] == "scripts"
    assert "esc50.commands" in setuptools["packages"]
    # Without it an editable install does not find the package.
    assert (REPOSITORY / "scripts" / "__init__.py").is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_imported_and_asked_for_help(name, monkeypatch, capsys):
    module, function = COMMANDS[name].removeprefix("esc50.commands.").split(":")
    path = REPOSITORY / "scripts" / f"{module}.py"
    spec = importlib.util.spec_from_file_location(f"commands_{module}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setattr("sys.argv", [name, "--help"])
    try:
        getattr(loaded, function)()
    except SystemExit as end:
        assert not end.code
    assert capsys.readouterr().out

"""Fixtures of the commands' tests."""

import importlib.util

import pytest

from esc50.results.ledger import append
from tests.scripts.made_ledger import SCRIPT, row


@pytest.fixture
def run_main(capsys):
    """Runs a command's main in this process; returns exit status, standard output and errors."""

    def run(main, *arguments) -> tuple[int, str, str]:
        try:
            main([str(argument) for argument in arguments])
            status = 0
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def results(monkeypatch, run_main):
    """The script's main, in this process: gives status, output and errors."""
    monkeypatch.setenv("COLUMNS", "250")
    spec = importlib.util.spec_from_file_location("scripts_results", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return lambda *arguments: run_main(module.main, *arguments)


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "results.csv"
    for fold, (poor, good) in enumerate([(0.70, 0.80), (0.72, 0.86), (0.74, 0.80)], start=1):
        append(path, row("orig_inal", "aaaa111111", fold, poor))
        append(path, row("augmented", "bbbb222222", fold, good))
    append(path, row("published", "cccc333333", 1, 0.99, leaky=True, protocol="published"))
    return path

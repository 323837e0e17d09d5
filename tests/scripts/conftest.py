"""Fixtures of the commands' tests."""

import pytest


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

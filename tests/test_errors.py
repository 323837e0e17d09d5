import subprocess
import sys

import pytest

from esc50.errors import UserError, exit_on_error
from tests.conftest import REPOSITORY

TALKATIVE = """
from esc50.errors import exit_on_error
with exit_on_error():
    for number in range(10**6):
        print(number)
"""


@pytest.mark.parametrize("status", [1, 2])
def test_bad_input_is_a_sentence_and_a_status(capsys, status):
    with pytest.raises(SystemExit) as end, exit_on_error(status):
        raise UserError("data.root: there is no such folder")
    assert end.value.code == status
    assert capsys.readouterr().err == "error: data.root: there is no such folder\n"


def test_other_errors_are_left_alone():
    with pytest.raises(ZeroDivisionError), exit_on_error():
        raise ZeroDivisionError


def test_a_reader_that_has_enough_ends_the_command_without_a_word():
    command = [sys.executable, "-c", TALKATIVE]
    with subprocess.Popen(command, stdout=-1, stderr=-1, cwd=REPOSITORY) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141

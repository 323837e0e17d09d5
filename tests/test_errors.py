import errno
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from esc50.errors import Stopped, UserError, exit_on_error, printable, refusal
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


def test_what_nobody_thought_of_is_a_sentence_and_a_log(capsys):
    with pytest.raises(SystemExit) as end, exit_on_error():
        raise ZeroDivisionError("of clips by folds")
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("error: ZeroDivisionError: of clips by folds (") and "\n" not in said[:-1]
    )
    log = Path(re.search(r"with (\S+\.log)", said)[1])
    assert "Traceback" in log.read_text() and "test_errors.py" in log.read_text()
    log.unlink()


def test_a_package_that_is_not_installed_is_named_with_what_to_do(capsys):
    with pytest.raises(SystemExit) as stopped, exit_on_error():
        importlib.import_module("esc50_is_not_here")
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: esc50_is_not_here is not installed for ")


def test_a_full_disk_is_named_and_needs_no_log(capsys):
    with pytest.raises(SystemExit), exit_on_error():
        raise OSError(errno.ENOSPC, "No space left on device", "events.out")
    said = capsys.readouterr().err
    assert said == "error: events.out cannot be written (the disk is full): free some space\n"


def test_what_ends_a_thread_is_a_sentence_too(capsys):
    def fill():
        raise OSError(errno.ENOSPC, "No space left on device", "events.out")

    with exit_on_error():
        thread = threading.Thread(target=fill)
        thread.start()
        thread.join()
    said = capsys.readouterr().err
    assert said == "warning: events.out cannot be written (the disk is full): free some space\n"


def test_each_refusal_of_the_system_has_its_own_remedy():
    full, forbidden = OSError(errno.ENOSPC, "x"), PermissionError(errno.EACCES, "not yours")
    assert "free some space" in refusal(full, "go away") and "owner" not in refusal(full, "go away")
    assert refusal(forbidden, "go away").startswith("(not yours): ask its owner")
    assert "space" not in refusal(forbidden, "go away")
    assert "no locks" in refusal(OSError(errno.ENOLCK, "x"), "go away")
    for other in (errno.EOPNOTSUPP, errno.ENOSYS):
        assert refusal(OSError(other, "not supported"), "go away") == "(not supported): go away"
    assert refusal(OSError(errno.EIO, "I/O error"), "go away") == "(I/O error): go away"


def test_what_a_terminal_would_obey_is_shown_instead(capsys):
    with pytest.raises(SystemExit), exit_on_error():
        raise UserError("no class '\x1b[31mred\x9b1mé\udcff'")
    assert capsys.readouterr().err == "error: no class '\\x1b[31mred\\x9b1mé\\udcff'\n"


@pytest.mark.parametrize("coding", ["ascii", "gbk", "cp1252"])
def test_no_output_encoding_ends_a_command(coding):
    code = "from esc50.errors import exit_on_error\nwith exit_on_error(): print('━ ± ž 音')"
    env = {**os.environ, "PYTHONIOENCODING": coding}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert b"\\" in done.stdout and not done.stderr


STOPPABLE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # not as the shell has it
from esc50.errors import exit_on_error
with exit_on_error():
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("closed", flush=True)
        if "slow" in sys.argv:
            time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_told_to_stop_closes_what_is_open_and_says_so(number):
    with subprocess.Popen([sys.executable, "-c", STOPPABLE], stdout=-1, stderr=-1) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"closed\n"
        assert process.stderr.read().decode() == f"stopped by {number.name}\n"
        assert process.wait() == 128 + number


@pytest.mark.parametrize("remedy", ["", "the same command goes on"])
def test_a_stop_is_one_also_where_closing_what_was_open_fails(capsys, remedy):
    with pytest.raises(SystemExit) as end, exit_on_error():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Stopped as stopped:
            stopped.remedy = remedy
            raise RuntimeError("the file's end is not where it should be") from None
    assert end.value.code == 143
    said = "stopped by SIGTERM" + (f": {remedy}" if remedy else "")
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("where", ["except BaseException: pass", "finally: return"])
def test_a_stop_that_a_library_swallows_is_told_again(capsys, where):
    code = f"def work():\n  try: os.kill(os.getpid(), signal.SIGTERM)\n  {where}"
    names = {"os": os, "signal": signal}
    exec(code, names)
    with pytest.raises(SystemExit) as end, exit_on_error():
        names["work"]()
        time.sleep(20)
    assert end.value.code == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"


def test_a_stop_where_nothing_can_be_raised_is_told_again(capsys):
    class Closing:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as end, exit_on_error():
        closing = Closing()
        del closing
        time.sleep(20)
    assert end.value.code == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"


KEPT = """
import os, signal, sys, time
from esc50 import errors
sys.context = errors._stopped_by_signals()  # is let go after what this module keeps
sys.context.__enter__()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
except errors.Stopped as stopped:
    kept = stopped
"""


def test_a_stop_that_is_let_go_while_the_interpreter_ends_holds_nothing_up():
    command = [sys.executable, "-c", KEPT]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=30)  # no thread could start then


def test_a_command_that_is_told_twice_ends_at_once():
    command = [sys.executable, "-c", STOPPABLE, "slow"]
    with subprocess.Popen(command, stdout=-1, stderr=-1) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == b"closed\n"
        process.send_signal(signal.SIGINT)  # of another kind: it goes on closing
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143


def test_a_reader_that_has_enough_ends_the_command_without_a_word():
    command = [sys.executable, "-c", TALKATIVE]
    with subprocess.Popen(command, stdout=-1, stderr=-1, cwd=REPOSITORY) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_names_are_shown_as_they_are_read():
    assert printable("Straße dog.wav", keep="") == "Straße dog.wav"
    assert printable("a\nb\udcff", keep="") == r"a\nb\udcff"
    assert printable("a\nb\x1b[2J") == "a\nb\\x1b[2J"

import subprocess
import sys

import pytest

CODE = "from esc50.training.process.rank_start import main\nmain()\nraise {}('why')"


@pytest.mark.parametrize(
    ("error", "said"),
    [("FileNotFoundError", False), ("EOFError", False), ("KeyError", True)],
)
def test_only_a_launcher_that_has_gone_is_passed_over(error, said):
    command = [sys.executable, "-c", CODE.format(error)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert (f"{error}: 'why'" in done.stderr) == said and bool(done.stderr) == said


def test_ctrl_c_ends_it_without_a_word():
    code = CODE.format("KeyError").replace("raise", "import os\nos.kill(os.getpid(), 2)\nraise")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -2 and not done.stderr

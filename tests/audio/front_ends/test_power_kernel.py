import subprocess
import sys

import pytest

PROGRAM = """
import numba
from numba.core import caching
caching.CacheImpl._locator_classes = []
import numpy as np
from esc50.audio.front_ends.power_sums import PowerSums
print(PowerSums(np.ones(8), 4, [np.eye(5)])(np.ones(8, np.float32), 1)[0][0])
"""


@pytest.mark.slow
def test_without_a_folder_for_compiled_code_it_is_compiled_anew(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[16. 64. 16.]"

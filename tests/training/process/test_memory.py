import subprocess
import sys

import pytest

# Takes and frees 64 MB again and again; prints the page faults of the later rounds.
PROGRAM = """
import ctypes, resource
from esc50.training.process.memory import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
if not hasattr(libc, "mallopt"):
    raise SystemExit("no mallopt")
{call}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for round in range(6):
    if round == 2:
        before = faults()
    place = libc.malloc(1 << 26)
    ctypes.memset(place, 1, 1 << 26)
    libc.free(place)
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_is_not_faulted_in_again():
    def faults(call):
        command = [sys.executable, "-c", PROGRAM.format(call=call)]
        return subprocess.run(command, capture_output=True, text=True)

    kept, returned = faults("keep_freed_memory()"), faults("")
    if "no mallopt" in kept.stderr:
        pytest.skip("the C library has no mallopt")
    assert int(kept.stdout) < 0.1 * int(returned.stdout)

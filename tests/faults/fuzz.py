"""What the fuzz tests share: how many inputs there are, what one may cost, what may come of it.

    pytest tests/faults                           some inputs of each target: seconds
    ESC50_FUZZ=100000 pytest -n 0 tests/faults    so many in all: hours

Whatever a file or a command line holds, what reads it gives a result or a UserError: no other
exception, no more than SECONDS of work, no more than MEMORY.
"""

import os
import resource
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from esc50.errors import UserError

TOTAL = int(os.environ.get("ESC50_FUZZ", "0"))
FEW = 20  # inputs of a target in the short form
SHARES = {  # of the long form, in percent: few of those that take long, as configs do
    "tables": 45,
    "sounds": 36,
    "small files": 12,
    "archives": 4,
    "transforms": 2,
    "configs": 1,
}
SECONDS = 5.0  # of the processor, which a busy machine does not lengthen
MEMORY = 1 << 30  # bytes beyond what the process has
OUTCOMES: dict[str, Counter[str]] = defaultdict(Counter)


class TooLong(BaseException):
    """An input took more than SECONDS."""


def fuzz(target: str, tests: int = 1, few: int = FEW, **inputs: SearchStrategy) -> Callable:
    """Have hypothesis call a test with made inputs.

    Args:
        target: a key of SHARES.
        tests: how many tests have that target between them.
        few: inputs in the short form.
        inputs: strategies by the test's argument.
    """
    count = max(TOTAL * SHARES[target] // 100 // tests, 1) if TOTAL else few
    phases = set(Phase) - {Phase.explain}
    rules = settings(
        max_examples=count,
        deadline=None,  # see SECONDS
        database=None,
        derandomize=not TOTAL,
        suppress_health_check=list(HealthCheck),
        phases=phases if TOTAL else phases - {Phase.shrink},
        print_blob=True,
    )
    return lambda test: rules(given(**inputs)(test))


@contextmanager
def survives(target: str) -> Iterator[None]:
    """Let what is in the block end well or in a UserError, within bounds; count it."""
    outcome = "failed"
    try:
        with bounded():
            yield
        outcome = "read"
    except UserError as error:
        outcome = "refused"
        assert str(error).strip(), "a refusal without a word"
    finally:
        OUTCOMES[target][outcome] += 1


@contextmanager
def bounded() -> Iterator[None]:
    """Bound the processor's time and the memory that a block may take."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, give_up)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc").exists() else 0
    if pages:
        wanted = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (wanted, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGPROF, before)

"""The processes of one run, one per device: torch's launcher starts, watches and ends them.

The process that the user started decides what is to be done, and waits for what rank 0 returns.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from esc50.errors import STOPPING, CheckpointError, DivergenceError, Stopped, UserError
from esc50.training.process import rank_start
from esc50.training.process.run_worker import signal_of, why_ended
from esc50.training.pruning import TrialPruned

HOST = "127.0.0.1"
PATIENCE = 5.0  # seconds in which a lost process is found before those that miss it report that


def resolve_world_size(trainer: Mapping[str, Any], batch_size: int) -> int:
    """Say how many processes a run has.

    Args:
        trainer: the config's section.
        batch_size: items in a batch of all processes.

    Raises:
        UserError: there are not so many GPUs.
    """
    devices: int | str = trainer["devices"]
    if trainer.get("strategy") != "ddp":
        return 1
    if trainer["accelerator"] == "cpu":
        return int(devices)
    there = torch.cuda.device_count()
    if not there:
        raise UserError(
            "trainer=ddp needs GPUs and none is visible: use trainer=default, or trainer=ddp_cpu "
            "for several processes on this machine's cores"
        )
    if devices == "auto":
        return min(there, batch_size)
    if int(devices) > there:
        raise UserError(f"trainer.devices={devices} is invalid: {there} GPUs are visible")
    return int(devices)


def run_on_processes(world: int, folder: Path, work: Callable[..., Any], *args: Any) -> Any:
    """Call `work(*args)` in `world` processes at once; return what rank 0 returns.

    They know by RANK, LOCAL_RANK, ... in the environment who they are, and make a process group.

    Args:
        world: how many processes.
        folder: what ranks 1, 2, ... print goes to rank1.log, rank2.log, ... there.
        work: a function of a module.
        args: what can be pickled.

    Raises:
        UserError: one of them raised it, or ended early; the sentence says why.
        TrialPruned: one of them raised it.
        Stopped: one of them, or this process, was sent SIGTERM or SIGINT (Ctrl-C).
    """
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):  # it is all said below
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    # One process imports everything and forks the ranks: torch and Lightning take seconds to load.
    multiprocessing.set_forkserver_preload([rank_start.__name__, work.__module__])
    threads = max(1, torch.get_num_threads() // world)
    with TemporaryDirectory() as reports, _handlers_kept():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=world,
            run_id="esc50",
            rdzv_backend="c10d",
            rdzv_endpoint=f"{HOST}:0",
            local_addr=HOST,
            max_restarts=0,
            start_method="forkserver",
            logs_specs=DefaultLogsSpecs(reports),
        )
        try:
            return elastic_launch(config, _rank)(folder, threads, work, args)[0]
        except SignalException as told:
            for process in multiprocessing.active_children():  # Python would wait for them
                process.kill()
            raise Stopped(told.sigval) from None
        except ChildFailedError as failed:
            raise _cause(*failed.get_first_failure(), world, folder) from None


def _rank(folder: Path, threads: int, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Do the work as one of the processes."""
    _end_at_once()
    rank = int(os.environ["RANK"])
    if rank:
        with (folder / f"rank{rank}.log").open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    torch.set_num_threads(threads)
    try:
        return work(*args)
    except (UserError, TrialPruned):
        raise
    except Exception as error:
        if isinstance(error, RuntimeError):  # as of a collective when another process is gone
            time.sleep(PATIENCE)
        traceback.print_exc()
        sys.stderr.flush()
        raise


def _end_at_once() -> None:
    """Have SIGTERM and SIGINT, and the launching process's death, end this one wherever it is.

    Python, and Lightning, act on a signal between two operations: a collective whose other
    processes are gone is one that never ends.
    """
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling)

    def on_signal() -> None:
        while (number := os.read(told, 1)[0]) not in (signal.SIGTERM, signal.SIGINT):
            pass
        os._exit(128 + number)

    def on_orphaned() -> None:
        launcher = multiprocessing.parent_process()
        assert launcher is not None  # a rank is started by one
        launcher.join()
        os.kill(os.getpid(), signal.SIGKILL)

    for watch in (on_signal, on_orphaned):
        threading.Thread(target=watch, daemon=True).start()


def _cause(rank: int, failure: ProcessFailure, world: int, folder: Path) -> BaseException:
    """What to raise for a process that failed."""
    if (number := signal_of(failure.exitcode)) in STOPPING:
        return Stopped(number)
    report = failure.error_file_data["message"]  # a string when the process could not write one
    raised = report["message"] if isinstance(report, dict) else ""
    kind, _, words = raised.partition(": ")
    for known in (UserError, CheckpointError, DivergenceError, TrialPruned):
        if kind == known.__name__:
            return known(words)
    why = raised or why_ended(failure.exitcode) or f"its process ended with code {failure.exitcode}"
    log = f" (its log is {folder / f'rank{rank}.log'})" if rank else ""
    return UserError(f"rank {rank} of {world} of this run's processes ended: {why}{log}")


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Put back the signal handlers that torch's launcher leaves replaced."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    replaced = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in replaced}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

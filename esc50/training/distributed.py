"""The processes of one run: one a device, of which the one that was started first leads.

The leader alone decides what is to be done, and prints and writes it. The others are started when
it comes to training and testing, take their share of every batch, and end with it.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any

import torch
import torch.distributed as dist
from omegaconf import DictConfig, open_dict

from esc50.errors import UserError
from esc50.training.processes import outcome, start

FOLLOWER = "ESC50_FOLLOWER"  # set in the environment of the processes started here
HOST = "127.0.0.1"
LATE = timedelta(minutes=5)  # for a follower to find the leader
GRACE = 20.0  # seconds for a run to notice that one of its processes is gone


def resolve_world_size(trainer: Mapping[str, Any], batch_size: int) -> int:
    """How many processes a run has.

    Args:
        trainer: the config's section.
        batch_size: items in a batch of all processes.

    Raises:
        UserError: there are not so many GPUs.
    """
    devices = trainer["devices"]
    if trainer.get("strategy") != "ddp":
        return 1
    if trainer["accelerator"] == "cpu":
        return devices
    there = torch.cuda.device_count()
    if not there:
        raise UserError(
            "trainer=ddp needs GPUs and none is visible: use trainer=default, or trainer=ddp_cpu "
            "for several processes on this machine's cores"
        )
    if devices == "auto":
        return min(there, batch_size)
    if devices > there:
        raise UserError(f"trainer.devices={devices} cannot be: {there} GPUs are visible")
    return devices


def is_nonzero_rank() -> bool:
    """Whether this process was started by the one that leads its run."""
    return FOLLOWER in os.environ


@contextmanager
def process_group(cfg: DictConfig, folder: Path, checkpoint: Path | None) -> Iterator[None]:
    """Have all processes of a run train and test within the block; nothing to do for just one.

    Args:
        cfg: the run's config, the same in all of them.
        folder: the run's folder; what the others print goes to rank1.log, ... there.
        checkpoint: what to go on from, or None.

    Raises:
        UserError: one of the others ended before its time, and why.
    """
    world = resolve_world_size(cfg.trainer, cfg.batch_size)
    if world == 1:
        yield
    elif is_nonzero_rank():
        with _following(world, cfg.trainer.accelerator != "cpu"):
            yield
    else:
        with _leading(cfg, folder, checkpoint, world):
            yield


@contextmanager
def _following(world: int, gpus: bool) -> Iterator[None]:
    rank = int(os.environ["RANK"])
    store = dist.TCPStore(HOST, int(os.environ["MASTER_PORT"]), is_master=False, timeout=LATE)
    store.set(f"here/{rank}", "")
    try:
        _join(store, rank, world, gpus)
        yield
    except UserError:
        raise
    except Exception:
        # To leave the group, or Python, would be to wait for collectives that never end.
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    dist.destroy_process_group()


@contextmanager
def _leading(cfg: DictConfig, folder: Path, checkpoint: Path | None, world: int) -> Iterator[None]:
    store = dist.TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    threads = torch.get_num_threads()
    share = max(1, threads // world)
    torch.set_num_threads(share)
    lost: list[str] = []  # why the run cannot go on; the first is the cause
    over = threading.Event()
    followers = []
    try:
        for rank in range(1, world):
            log = folder / f"rank{rank}.log"
            env = _environment(rank, world, store.port, share)
            followers.append(start(_for_follower(cfg, checkpoint, world), folder, log, env))
            watch = (f"rank {rank} of {world}", followers[-1], log, lost, over)
            threading.Thread(target=_watch, args=watch, daemon=True).start()
        _await(store, world, lost)
        with _created_externally():
            _join(store, 0, world, cfg.trainer.accelerator != "cpu")
            yield
    except BaseException as error:
        # A collective raises RuntimeError when a process is gone; why it went is known shortly.
        gone = isinstance(error, RuntimeError) and _becomes_true(lambda: bool(lost), 3.0)
        lost.append(str(error))
        _end(followers)  # before leaving the group: that would wait for those stuck in it
        if gone:
            raise UserError(lost[0]) from error
        raise
    else:
        over.set()
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        over.set()
        _end(followers, patience=GRACE)
        torch.set_num_threads(threads)


def _await(store: dist.TCPStore, world: int, lost: list[str]) -> None:
    """Wait until all followers have their data open, however long that takes."""
    for rank in range(1, world):
        while not store.check([f"here/{rank}"]):
            if lost:
                raise UserError(lost[0])
            time.sleep(0.05)


def _join(store: dist.TCPStore, rank: int, world: int, gpus: bool) -> None:
    """Become a member of torch's default process group, which Lightning finds and uses."""
    device = torch.device("cuda", rank) if gpus else None
    backend = "nccl" if gpus else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world, device_id=device)


@contextmanager
def _created_externally() -> Iterator[None]:
    """Say to Lightning that this is a process of several, the others of which are there."""
    mine = {"LOCAL_RANK": "0", "NODE_RANK": "0"}
    before = {name: os.environ.get(name) for name in mine}
    os.environ |= mine
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _environment(rank: int, world: int, port: int, threads: int) -> dict[str, str]:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": world}
    numbers |= {"MASTER_PORT": port, "OMP_NUM_THREADS": threads, FOLLOWER: 1}
    return {"MASTER_ADDR": HOST, **{name: str(number) for name, number in numbers.items()}}


def _for_follower(cfg: DictConfig, checkpoint: Path | None, world: int) -> DictConfig:
    theirs = cfg.copy()
    with open_dict(theirs):
        theirs.ckpt_path = str(checkpoint) if checkpoint else None
        theirs.trainer.devices = world
        theirs.trainer.enable_progress_bar = False
    return theirs


def _watch(name: str, process: Popen, log: Path, lost: list[str], over: threading.Event) -> None:
    """Note it when a follower ends before its time; end a leader that waits for it in vain."""
    ended = outcome(process, log)
    if "failed" not in ended or over.is_set():
        return
    lost.append(f"{name} of this run's processes ended: {ended['failed']} (its log is {log})")
    if not over.wait(GRACE):
        # Stuck in a collective, which nothing but the end of this process can interrupt.
        print(f"error: {lost[0]}", file=sys.stderr, flush=True)
        os._exit(1)


def _end(followers: list[Popen], patience: float = 0.0) -> None:
    for process in followers:
        try:
            process.wait(patience)
        except TimeoutExpired:
            process.kill()


def _becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()

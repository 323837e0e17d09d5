"""(g) What a GPU gives: checks, the step in every way, and whole commands; on a CPU what it can.

A row that takes a GPU says "not run: no GPU" where there is none; the rest runs there at a tiny
size, which tests this file and says nothing about speed.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.clips import link
from bench.commands import SCRIPTS, folds_at_once, seeds_side_by_side
from bench.contest import Contestant, Outcome, compete, make_row
from esc50.config.hardware import visible_gpus
from esc50.data.progress_bar import progress_bar
from esc50.errors import UserError

NO_GPU = "no GPU"
CHECKS = {  # of bench.contestants.gpu_checks: what is said of each
    "precision": "bf16 trains as float32 does",
    "resident": "features kept on the GPU are the same",
    "pinned": "batches through pinned memory, the same",
    "ddp": "DDP with one process computes the same",
    "deterministic": "twice the same run, the same bits",
}
WAYS: dict[str, dict[str, object]] = {  # of making the bare step, beside our own
    "planar": {"layout": "planar"},
    "channels_last": {"layout": "interleaved"},
    "optimiser not fused": {"fused": False},
    "torch.compile": {"compiled": "default"},
    "torch.compile, CUDA graphs": {"compiled": "reduce-overhead"},
    "one CUDA graph": {"graph": True},
}
ON_CPU = ("planar", "channels_last", "optimiser not fused")


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    batches: tuple[int, ...]
    size: int  # height and width of the pictures
    steps: int  # in a turn
    repeats: int
    clips: int  # trained on, made up
    jobs: tuple[int, ...] = (1, 2, 4)  # of a sweep, that share the GPU
    seeds: int = 4
    epochs: int = 20  # of each seed
    fold_epochs: int = 100  # of each of five folds


ON_GPU = Extent((64, 256, 1024), 128, 40, 5, 8_000)
TINY = Extent((8,), 32, 2, 2, 50)


def gpu_table(wav: Path, scratch: Path, repeats: int) -> list[dict]:
    """Check and measure what this machine can; all rows come whatever it has."""
    there = bool(visible_gpus())
    extent = ON_GPU if there else TINY
    clips = link(wav, scratch / "gpu_clips", extent.clips)
    here = {"clips": clips, "cache_dir": scratch / "cache_gpu"}
    rows = run_checks(clips, scratch, there)
    for batch in extent.batches:
        rows += _at_batch(batch, extent, min(repeats, extent.repeats), here, scratch)
    return rows + _whole_commands(wav, scratch, extent, rows, there)


def run_checks(clips: Path, scratch: Path, there: bool) -> list[dict]:
    """One row per check: 1 passed, 0 failed."""
    log = scratch / "gpu_checks.log"
    command = [
        sys.executable,
        "-Pm",
        "bench.contestants.gpu_checks",
        str(clips),
        str(scratch / "cache_gpu"),
    ]
    paths = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")]))
    with log.open("w") as file:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
    said = {}
    for line in done.stdout.splitlines():
        if line.startswith('{"check"'):
            reply = json.loads(line)
            said[reply["check"]] = reply
    if done.returncode:
        raise UserError(f"the checks failed to run:\n{log.read_text()[-2000:]}")
    rows = []
    for name, what in CHECKS.items():
        outcome = Outcome(skipped=None if there else NO_GPU)
        if (reply := said.get(name)) is not None:
            outcome = Outcome([float(reply["passed"])])
        rows.append(make_row("g", what, "check", outcome) | {"said": (reply or {}).get("said", "")})
    return rows


def _at_batch(batch: int, extent: Extent, repeats: int, here: dict, scratch: Path) -> list[dict]:
    """The step at one size of batch: ours, augmented, in bare Lightning, bare in every way."""
    there = extent is ON_GPU
    step = {"batch_size": batch, "steps": extent.steps}
    bare = {**step, "size": extent.size}
    train = {**here, **step, "size": extent.size}
    ways = WAYS if there else {name: WAYS[name] for name in ON_CPU}
    optional = partial(Contestant, optional=True)  # a large batch may not fit
    who = {
        "bare": optional("bench.contestants.step:bare", bare),
        "ours": optional("bench.contestants.training:ours", train | {"augment": "none"}),
        "online": optional("bench.contestants.training:ours", train | {"augment": "online"}),
        "lightning": optional("bench.contestants.training:lightning", bare),
        **{name: optional("bench.contestants.step:bare", bare | how) for name, how in ways.items()},
    }
    with progress_bar(f"batches of {batch}", repeats * len(who)) as advance:
        done = compete(who, repeats, scratch, advance)
    limit_name = f"bare step, batch {batch}"
    row = partial(make_row, "g", unit="clips/s", limit_name=limit_name, limit=done["bare"])
    rows = [
        row(f"training, batch {batch}", ours=done["ours"]),
        row(f"training, online, batch {batch}", ours=done["online"]),
        row(f"bare Lightning, batch {batch}", ours=done["lightning"]),
    ]
    for name in WAYS:
        outcome = done.get(name, Outcome(skipped=NO_GPU))
        rows.append(row(f"bare, {name}, batch {batch}", ours=outcome))
    for what, who_else in (("Lightning", "lightning"), ("all of ours", "ours")):
        extra = _extra_ms(done[who_else], done["bare"], batch)
        rows.append(make_row("g", f"beside a step, {what}, batch {batch}", "ms", extra))
    return rows


def _extra_ms(outcome: Outcome, bare: Outcome, batch: int) -> Outcome:
    """Milliseconds per step that the one takes longer than the other, turn by turn."""
    if outcome.skipped or bare.skipped:
        return Outcome(skipped=outcome.skipped or bare.skipped)
    pairs = zip(outcome.values, bare.values, strict=True)
    return Outcome([1000 * batch * (1 / one - 1 / other) for one, other in pairs])


def _whole_commands(
    wav: Path, scratch: Path, extent: Extent, rows: list[dict], there: bool
) -> list[dict]:
    """Sweeps that share the GPU, and five folds of 2,000 clips: run, or projected."""
    if there:
        clips = link(wav, scratch / "gpu_2000", 2_000)
        seeds, epochs = extent.seeds, extent.epochs
        shared = [seeds_side_by_side(clips, scratch, jobs, seeds, epochs) for jobs in extent.jobs]
        return [*shared, *folds_at_once(clips, scratch, extent.fold_epochs, "g")]
    names = [f"4 seeds, jobs_per_gpu={jobs}" for jobs in extent.jobs]
    skipped = [make_row("g", name, "s", Outcome(skipped=NO_GPU)) for name in names]
    batch = extent.batches[0]
    online = next(r for r in rows if r["what"] == f"training, online, batch {batch}")
    trained = 5 * extent.fold_epochs * 2_000 * 3 // 5  # three of the five folds train
    projected = Outcome([trained / statistics.median(online["ours_values"])])
    what = f"5 folds x {extent.fold_epochs} epochs, {extent.size} x {extent.size}, projected"
    return [*skipped, make_row("g", what, "s", projected)]

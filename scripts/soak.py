"""Do to small runs what machines and people do to runs; the same command must end the same.

    python scripts/soak.py                            each fault in each phase once: an hour or two
    python scripts/soak.py --jobs 4 --times 3 --seed 1 --markdown
    python scripts/soak.py --only SIGTERM --phase training

Runs on synthetic sound, cross-validations, sweeps and runs of two processes are stopped, killed,
moved, damaged, starved of disk or of rights in each of their phases, and the same command is given
again. It must exit with 0 and leave the unbroken run's predictions.csv to the byte, one row per run
in the ledger, and nothing half-written. The broken command must have ended with the exit code and
the sentence of its fault, and have left no process. Exits with 1 where something of this does not
hold, keeping all that was written.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from esc50.config.typed import as_typed, typed_path
from esc50.errors import exit_on_error
from faults.damage import damages
from faults.disks import disks, why_not
from faults.ground import ONE, Ground, Trial
from faults.phases import Phase
from faults.stops import Fault, losses, stops

COLUMNS = ["fault", "phase or place", "times", "ended the same", "code, sentence, no orphan"]
Name = tuple[str, str]  # of the fault, and of the phase or place


def main(argv: list[str] | None = None) -> None:
    """Do each fault some times, and print how often the same command ended the same."""
    with exit_on_error():
        args = _parser().parse_args(argv)
        faults = {**stops(), **losses(), **disks(), **damages()}
        chosen = {
            name: fault
            for name, fault in faults.items()
            if re.search(args.only, name[0]) and re.search(args.phase, name[1])
        }
        if args.scratch is not None:
            args.scratch.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="soak-", dir=args.scratch))
        rows = _soak(Ground(work), chosen, args)
        lost = any(row[2:] != [row[2]] * 3 for row in rows if row[2].isdigit())
        _show(rows, args.markdown)
        if not lost:
            shutil.rmtree(work)
    sys.exit(1 if lost else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=1, help="of each fault (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and places (default: 0)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="faults whose name has it")
    parser.add_argument("--phase", default="", metavar="PATTERN", help="phases whose name has it")
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time (default: 1)")
    parser.add_argument(
        "--scratch", type=typed_path, help="where to work; removed when all is well"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser


def _soak(
    ground: Ground, faults: dict[Name, tuple[Phase, Fault]], args: argparse.Namespace
) -> list[list[str]]:
    """Try each fault; returns the table's rows."""
    tries = [(name, number) for name in faults for number in range(args.times)]
    tries = [one for one in tries if not why_not(one[0][0])]

    def attempt(one: tuple[Name, int]) -> tuple[bool, bool]:
        name, number = one
        phase, fault = faults[name]
        place = ground.work / "-".join([*re.findall(r"\w+", " ".join(name)), str(number)])
        place.mkdir()
        rng = random.Random(f"{args.seed} {name} {number}")
        trial = Trial(ground, phase.kind, place, rng, phase.own, phase.reports)
        return _try(fault, trial, " / ".join(name))

    try:
        ground.expected(ONE)  # with the sounds and features of all
        with ThreadPoolExecutor(args.jobs) as pool:
            try:
                ended = dict(zip(tries, pool.map(attempt, tries), strict=True))
            finally:  # told to stop: what is begun is ended, what is not is not begun
                pool.shutdown(wait=False, cancel_futures=True)
                ground.end()
    finally:
        ground.end()
    return list(_rows(faults, ended))


def _rows(
    faults: dict[Name, tuple[Phase, Fault]], ended: dict[tuple[Name, int], tuple[bool, bool]]
) -> Iterator[list[str]]:
    for name in faults:
        results = [how for (tried, _), how in ended.items() if tried == name]
        if results:
            same, right = (str(sum(column)) for column in zip(*results, strict=True))
            yield [*name, str(len(results)), same, right]
        else:
            yield [*name, f"skipped: {why_not(name[0])}", "", ""]


def _try(fault: Fault, trial: Trial, name: str) -> tuple[bool, bool]:
    """Do one fault to one command; returns whether it ended the same, and as it should."""
    outcome = []
    steps: list[Callable[[], None]] = [lambda: fault(trial), trial.finish]
    for step in steps:
        try:
            step()
            outcome.append(True)
        except (AssertionError, OSError, subprocess.SubprocessError, IndexError) as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            outcome.append(False)
    right, same = outcome
    if os.path.ismount(trial.folder):
        subprocess.run(["umount", "--lazy", str(trial.folder)], check=True)
    if right and same:
        shutil.rmtree(trial.folder)
    print(f"{name}: {'as it should' if right and same else 'LOST'}", file=sys.stderr, flush=True)
    return same, right


def _show(rows: list[list[str]], markdown: bool) -> None:
    from esc50.results.display.tables import Table

    table = Table("Faults", COLUMNS, n_names=2)
    table.rows += rows
    if markdown:
        print(table.markdown(), end="")
        return
    from esc50.results.display.layout import show_table

    show_table(table)


if __name__ == "__main__":
    main()

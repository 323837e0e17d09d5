"""Measure this package against the published pipeline and against the machine's limits.

    python scripts/benchmark.py --quick
    python scripts/benchmark.py --full --clips path/to/ESC-10
    python scripts/benchmark.py --only g                      # the table of a GPU
    python scripts/benchmark.py --quick --compare old.json    # measure, and say what changed
    python scripts/benchmark.py --compare old.json new.json   # of two that are there

Parts: a features, b an augmented example, c training, d a whole experiment (--full only),
e growth with the number of clips (400; with --full up to 100,000, which take 33 GB of disk),
f start-up, g checks and limits of a GPU (--only g; a machine without one does what it can, tiny),
h a cross-validation against the sum of its fits, i networks in bfloat16 against float32 (--only i).
--quick leaves out (d), (e), (h), Ogg and MP3 files and the slower libraries.
Every contestant runs in a process of its own, in turns; medians are printed, all turns are in the
JSON, which is always written. Run it on an idle machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from esc50.atomic import atomic_write_text
from esc50.config.typed import as_typed, typed_path
from esc50.errors import exit_on_error

if TYPE_CHECKING:
    from esc50.results.display.tables import Table

PARTS = "abcdefghi"
REPORTS = Path("outputs", "benchmark")
ABOUT = """
import json, torch
from esc50.config.hardware import resolve_precision
gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
precision = resolve_precision({"accelerator": "auto", "precision": "auto"})
print(json.dumps({"torch": torch.__version__, "gpu": gpu, "precision": precision,
                  "bf16": precision == "bf16-mixed", "threads": torch.get_num_threads()}))
"""


def main(argv: list[str] | None = None) -> None:
    """Measure what was asked for, and print the table; a failed check is exit status 1."""
    with exit_on_error():
        args = _parser().parse_args(argv)
        if args.worker:
            from bench.contest import serve

            serve(args.worker, json.loads(args.settings))
            return
        from bench.compare import compare, read_report
        from bench.table import make_table
        from esc50.errors import UserError

        if len(args.compare) > 2:
            raise UserError("--compare takes the old report and, where it is there, the new one")
        reports = [read_report(path) for path in args.compare]
        if len(reports) == 2:
            _show(compare(*reports), args.markdown)
            return
        path = _report_path(args)
        report = _measure(args)
        write_json(path, report)
        _show(make_table(report), args.markdown)
        for old in reports:
            print()
            _show(compare(old, report), args.markdown)
        print(f"all turns are in {path}", file=sys.stderr)
        failed = [r["what"] for r in report["rows"] if r["unit"] == "check" and r["ours"] == 0]
        if failed:
            raise UserError(f"failed: {'; '.join(failed)}")


def _show(table: "Table", markdown: bool) -> None:
    from bench.table import fitted
    from esc50.results.display.layout import show_table

    if markdown:
        print(table.markdown(), end="")
    else:
        show_table(fitted(table))


def _report_path(args: argparse.Namespace) -> Path:
    """Where the numbers go, found out before anything is measured."""
    from esc50.errors import UserError

    if args.json is None:
        return REPORTS / time.strftime("%Y-%m-%dT%H-%M-%S.json")
    if not args.json.resolve().parent.is_dir():
        raise UserError(f"--json {args.json}: there is no folder {args.json.parent}")
    return args.json


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="some two minutes, rough")
    extent.add_argument("--full", action="store_true", help="with (d) and large sets: an hour")
    parser.add_argument("--only", default="", metavar="a,c", help="these parts (default: all)")
    parser.add_argument(
        "--clips", type=typed_path, help="folder in ESC-50 layout (default: demo sounds)"
    )
    parser.add_argument("--scratch", type=typed_path, help="where to work; removed afterwards")
    parser.add_argument(
        "--json",
        type=typed_path,
        metavar="PATH",
        help=f"write all numbers there (default: {REPORTS}/TIME.json)",
    )
    parser.add_argument(
        "--compare",
        type=typed_path,
        nargs="+",
        default=[],
        metavar="OLD",
        help="say what changed by more than noise since this report; with a second one, measure "
        "nothing",
    )
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--settings", default="{}", help=argparse.SUPPRESS)
    return parser


def _measure(args: argparse.Namespace) -> dict:
    from bench.clips import copy_as
    from bench.commands import folds_at_once, startup, whole_experiment
    from bench.gpu import gpu_table
    from bench.networks import precisions
    from bench.parts import DEFAULT, FULL, QUICK, Bench
    from esc50.data.sets.demo import make_demo

    only = _parts(args)
    sizes = QUICK if args.quick else FULL if args.full else DEFAULT
    about = machine()
    if args.scratch:
        args.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=args.scratch) as folder:
        scratch, source = Path(folder).resolve(), args.clips
        if source is None:
            source = scratch / "demo"
            make_demo(source, clips_per_fold=max(1, sizes.base // 50))
        wav = copy_as(source, scratch / "wav", ".wav", sizes.base)
        bench = Bench(sizes, scratch, wav)
        parts: dict[str, Callable[[], list[dict]]] = {
            "a": bench.features,
            "b": bench.augmentation,
            "c": bench.training,
            "d": lambda: whole_experiment(wav, scratch, sizes.epochs),
            "e": bench.growth,
            "f": lambda: startup(wav, scratch, sizes.startups),
            "g": lambda: gpu_table(wav, scratch, sizes.repeats),
            "h": lambda: folds_at_once(wav, scratch, sizes.fold_epochs),
            "i": lambda: precisions(scratch, sizes.repeats),
        }
        if "e" in only:
            bench.check_room()  # before an hour of other parts
        rows = [row for part in PARTS if part in only for row in parts[part]()]
    extent = "quick" if args.quick else "full" if args.full else "default"
    clips = "demo (synthetic)" if args.clips is None else args.clips.name
    return {"machine": about, "extent": extent, "clips": clips, "rows": rows}


def _parts(args: argparse.Namespace) -> str:
    """The parts that are asked for, or all that come without asking."""
    from esc50.errors import UserError

    only = args.only.replace(",", "")
    if not only:
        left_out = "gi" if args.full else "deghi" if args.quick else "dgi"
        return "".join(part for part in PARTS if part not in left_out)
    if set(only) - set(PARTS):
        raise UserError(f"--only {args.only}: the parts are {', '.join(PARTS)}")
    if "d" in only and not args.full:
        raise UserError("--only d takes minutes: add --full")
    if "e" in only and args.quick:
        raise UserError("--only e grows sets, which --quick has no time for: leave --quick out")
    return only


def machine() -> dict:
    """Name processor, cores and versions, and say whether training runs in bfloat16.

    torch is asked in another process: this one stays small, since a child's peak memory begins with
    its parent's.
    """
    from esc50.config.hardware import processor

    done = subprocess.run([sys.executable, "-c", ABOUT], capture_output=True, text=True, check=True)
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **json.loads(done.stdout.splitlines()[-1]),
    }


def write_json(path: Path, report: dict) -> None:
    """Write the report, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

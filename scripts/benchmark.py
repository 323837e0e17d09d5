"""Measure this package against the published pipeline and against the machine's limits.

    python scripts/benchmark.py --quick
    python scripts/benchmark.py --full --clips path/to/ESC-10 --json benchmark.json

Parts: a features, b an augmented example, c training, d a whole experiment (--full only),
e growth with the number of clips (400; with --full 2,000 and 20,000, which take 6 GB), f start-up.
--quick leaves out (d), (e), Ogg files and the slower libraries.
Every contestant runs in a process of its own, in turns; medians are printed, all turns are in the
JSON. Run it on an idle machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from esc50.atomic import atomic_write_text
from esc50.errors import exit_on_error

PARTS = "abcdef"
ABOUT = """
import json, torch
from esc50.config.hardware import resolve_precision
gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
precision = resolve_precision({"accelerator": "auto", "precision": "auto"})
print(json.dumps({"torch": torch.__version__, "gpu": gpu, "precision": precision,
                  "bf16": precision == "bf16-mixed", "threads": torch.get_num_threads()}))
"""


def main(argv: list[str] | None = None) -> None:
    """Measure what was asked for, and print the table."""
    with exit_on_error():
        args = _parser().parse_args(argv)
        if args.worker:
            from bench.contest import serve

            serve(args.worker, json.loads(args.settings))
            return
        report = _measure(args)
        if args.json:
            write_json(args.json, report)
        if args.markdown:
            print(make_table(report).markdown(), end="")
            return
        from esc50.results.layout import show_table

        show_table(make_table(report), args.wide)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="some two minutes, rough")
    extent.add_argument("--full", action="store_true", help="with (d) and large sets: an hour")
    parser.add_argument("--only", default="", metavar="a,c", help="these parts (default: all)")
    parser.add_argument("--clips", type=Path, help="folder in ESC-50 layout (default: demo sounds)")
    parser.add_argument("--scratch", type=Path, help="where to work; removed afterwards")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all numbers there")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--wide", action="store_true", help="all columns, however narrow the screen")
    form.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--settings", default="{}", help=argparse.SUPPRESS)
    return parser


def _measure(args: argparse.Namespace) -> dict:
    from bench.clips import copy_as
    from bench.commands import startup, whole_experiment
    from bench.parts import DEFAULT, FULL, QUICK, Bench
    from esc50.data.demo import make_demo
    from esc50.errors import UserError

    only = args.only.replace(",", "") or (PARTS if args.full else PARTS.replace("d", ""))
    if set(only) - set(PARTS):
        raise UserError(f"--only {args.only}: the parts are {', '.join(PARTS)}")
    if "d" in only and not args.full:
        raise UserError("--only d takes minutes: add --full")
    if "e" in args.only and args.quick:
        raise UserError("--only e grows sets, which --quick has no time for: leave --quick out")
    if args.json and not args.json.resolve().parent.is_dir():
        raise UserError(f"--json {args.json}: there is no folder {args.json.parent}")
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
        parts = {
            "a": bench.features,
            "b": bench.augmentation,
            "c": bench.training,
            "d": lambda: whole_experiment(wav, scratch, sizes.epochs),
            "e": bench.growth,
            "f": lambda: startup(wav, scratch, sizes.startups),
        }
        rows = [row for part in PARTS if part in only for row in parts[part]()]
    extent = "quick" if args.quick else "full" if args.full else "default"
    clips = "demo (synthetic)" if args.clips is None else args.clips.name
    return {"machine": about, "extent": extent, "clips": clips, "rows": rows}


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
    atomic_write_text(path, json.dumps(report, indent=2) + "\n")


def make_table(report: dict):
    """Lay the rows out, one per comparison; the note names the limits and the machine."""
    from esc50.results.tables import Table

    columns = [
        "part",
        "what",
        "against",
        "ours",
        "theirs",
        "ratio",
        "limit",
        "of limit",
        "n",
        "MiB",
    ]
    dispensable = ["MiB", "n", "limit", "of limit"]
    table = Table("Benchmark", columns, n_names=3, dispensable=dispensable)
    limits = {}
    for row in report["rows"]:
        if row["limit_name"]:
            limits.setdefault(row["part"], {})[row["limit_name"]] = None
        skipped = f" (skipped: {row['other_skipped']})" if row["other_skipped"] else ""
        peaks = [_number(row[key]) for key in ("ours_peak_mib", "other_peak_mib") if row[key]]
        table.rows.append(
            [
                row["part"],
                f"{row['what']}, {row['unit']}",
                row["against"] + skipped,
                _number(row["ours"]),
                _number(row["other"]),
                f"{_number(row['ratio'])}x" if row["ratio"] else "",
                _number(row["limit"]),
                f"{row['share']:.0%}" if row["share"] else "",
                str(row["repeats"]),
                " / ".join(peaks),
            ]
        )
    about = report["machine"]
    gpu = f", {about['gpu']}" if about["gpu"] else ""
    named = [f"({part}) {', '.join(names)}" for part, names in limits.items()]
    table.note = (
        f"{about['processor']}, {about['cores']} cores{gpu}, torch {about['torch']}, "
        f"{'bf16 used' if about['bf16'] else 'no bf16'}, load before the run {about['load']:.1f}; "
        f"{report['clips']} clips. Medians of n turns; ratio: how many times better ours is; "
        f"of limit: how much of it ours reaches; MiB: peak memory of the process, ours / theirs. "
        f"Limits: {'; '.join(named)}."
    )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()

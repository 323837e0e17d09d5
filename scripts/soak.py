"""Do to a small run what machines and people do to runs; the same command must end the same.

    python scripts/soak.py                     each fault once: some minutes
    python scripts/soak.py --times 20 --seed 1 --markdown

A run on synthetic sound is stopped, killed, moved or damaged at a random moment or place, and the
same command is given again. It must exit with 0 and leave the unbroken run's predictions.csv to the
byte. Exits with 1 where it does not, keeping that run's folder.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from esc50.config.typed import as_typed
from esc50.errors import exit_on_error

TRAIN = "from esc50.cli import train; train()"
SETTINGS = [
    *"data=demo data.clips_per_fold=1 trainer.accelerator=cpu trainer.max_epochs=6".split(),
    *"features.sample_rate=8000 features.n_fft=256 features.hop_length=128".split(),
    *"features.n_mels=32 features.frames=64 features.height=32 features.width=32".split(),
    *"callbacks.early_stopping=null callbacks.last.max_time_fraction=1 batch_size=16".split(),
    "augment=online",
]
EXPECTED = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
PATIENCE = 300  # seconds that a run may take


class Soak:
    """A folder with the unbroken run, in which others are broken and mended."""

    def __init__(self, work: Path, rng: random.Random):
        """Make the unbroken run; `work` is an empty folder."""
        self.work, self.rng = work, rng
        began = time.monotonic()
        self.finish(work / "unbroken")
        self.seconds = time.monotonic() - began
        self.expected = (work / "unbroken" / "predictions.csv").read_bytes()

    def start(self, run: Path) -> subprocess.Popen:
        """Give the command of a run in a folder."""
        places = {"data.root": "demo", "data.cache_dir": "cache", "output_dir": "outputs"}
        own = [f"{key}={self.work / name}" for key, name in places.items()]
        command = [sys.executable, "-c", TRAIN, *SETTINGS, *own, f"hydra.run.dir={run}"]
        with (self.work / "console.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def finish(self, run: Path) -> None:
        """Give the command and let it end well."""
        code = self.start(run).wait(PATIENCE)
        assert code == 0, f"exit code {code}: see {self.work / 'console.log'}"

    def stopped_by(self, number: int) -> Callable[[Path], Path]:
        """Send a run a signal at a random moment, from its imports to its ledger."""

        def fault(run: Path) -> Path:
            process = self.start(run)
            time.sleep(self.rng.uniform(0.2, 0.9) * self.seconds)
            process.send_signal(number)
            code = process.wait(PATIENCE)
            early = {-number, 0, 1}  # before it listens, once it is done, while Python loads
            assert code in {EXPECTED[signal.Signals(number)], *early}, f"exit code {code}"
            return run

        return fault

    def damaged(self, name: str, damage: Callable[[Path], None]) -> Callable[[Path], Path]:
        """Damage a file of a run that was cut off before its results were written."""

        def fault(run: Path) -> Path:
            shutil.copytree(self.work / "unbroken", run)
            if name != "results.json":
                (run / "results.json").unlink()
            damage(run / name)
            return run

        return fault

    def cache(self, name: str, damage: Callable[[Path], None]) -> Callable[[Path], Path]:
        """Damage a file of the cache before a run."""

        def fault(run: Path) -> Path:
            (path,) = self.work.glob(f"cache/clips-*/{name}")
            damage(path)
            return run

        return fault

    def moved(self, run: Path) -> Path:
        """Cut a run off, and move its folder."""
        self.stopped_by(signal.SIGKILL)(run)
        return run.rename(run.with_name(f"{run.name}-moved"))

    def flip(self, path: Path) -> None:
        """Change a bit, and leave the time of last change as it was."""
        data, times = bytearray(path.read_bytes()), path.stat()
        data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def cut(self, path: Path) -> None:
        """Cut a file off at a random place."""
        os.truncate(path, self.rng.randrange(path.stat().st_size))

    def faults(self) -> dict[str, Callable[[Path], Path]]:
        """All that is done to runs, by name."""
        return {
            "kill -9 at a random moment": self.stopped_by(signal.SIGKILL),
            "SIGTERM at a random moment": self.stopped_by(signal.SIGTERM),
            "Ctrl-C at a random moment": self.stopped_by(signal.SIGINT),
            "kill -9, and the folder moved": self.moved,
            "a flipped bit in last.ckpt": self.damaged("checkpoints/last.ckpt", self.flip),
            "a flipped bit in best.ckpt": self.damaged("checkpoints/best.ckpt", self.flip),
            "last.ckpt cut off": self.damaged("checkpoints/last.ckpt", self.cut),
            "best.ckpt cut off": self.damaged("checkpoints/best.ckpt", self.cut),
            "best.ckpt gone": self.damaged("checkpoints/best.ckpt", Path.unlink),
            "results.json cut off": self.damaged("results.json", self.cut),
            "a flipped bit in a cached array": self.cache("logmel.npy", self.flip),
            "a cached array cut off": self.cache("magnitude.npy", self.cut),
            "entry.json of the cache cut off": self.cache("entry.json", self.cut),
        }


def main(argv: list[str] | None = None) -> None:
    """Do each fault some times, and print how often the same command ended the same."""
    with exit_on_error():
        args = _parser().parse_args(argv)
        work = Path(tempfile.mkdtemp(prefix="soak-", dir=args.scratch))
        soak = Soak(work, random.Random(args.seed))
        table, failed = _soak(soak, args.times, args.only)
        if args.markdown:
            print(table.markdown(), end="")
        else:
            from esc50.results.layout import show_table

            show_table(table)
        if not failed:
            shutil.rmtree(work)
    sys.exit(1 if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=1, help="of each fault (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and places (default: 0)")
    parser.add_argument("--only", default="", metavar="WORDS", help="faults whose name has them")
    parser.add_argument("--scratch", type=Path, help="where to work; removed when all is well")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser


def _soak(soak: Soak, times: int, only: str) -> tuple:
    from esc50.results.tables import Table

    table, failed = Table("Faults", ["fault", "times", "ended the same"], n_names=1), 0
    for number, (name, fault) in enumerate(soak.faults().items()):
        if only not in name:
            continue
        same = 0
        for time_ in range(times):
            try:
                run = fault(soak.work / f"run{number}-{time_}")
                soak.finish(run)
                assert (run / "predictions.csv").read_bytes() == soak.expected, "other predictions"
            except (AssertionError, subprocess.TimeoutExpired) as error:
                print(f"{name}: {error} (in {soak.work})", file=sys.stderr, flush=True)
                continue
            same += 1
            shutil.rmtree(run)
        failed += times - same
        table.rows.append([name, str(times), str(same)])
    return table, failed


if __name__ == "__main__":
    main()

"""Compare every byte of caches and checkpoints with its checksum, and check results and the ledger.

    python scripts/verify.py                      data/cache and outputs
    python scripts/verify.py /scratch/outputs     these folders, whatever of it they hold

Nothing is changed. Exits with 1 where something is damaged or half-written, naming each file.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from esc50.config.typed import as_typed, typed_path
from esc50.errors import UserError, exit_on_error, printable

DEFAULT = (Path("data/cache"), Path("outputs"))
Finding = tuple[Path, str | None]  # what was looked at, and what is wrong with it


def main(argv: list[str] | None = None) -> None:
    """Look at all there is, print what is wrong and how much was whole."""
    with exit_on_error(status=2):
        parser = argparse.ArgumentParser(
            description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument(
            "folder", nargs="*", type=typed_path, help="default: data/cache, outputs"
        )
        folders = parser.parse_args(argv).folder or [path for path in DEFAULT if path.is_dir()]
        if not folders:
            raise UserError("nothing to verify here, no data/cache and no outputs: name a folder")
        for folder in folders:
            if not folder.is_dir():
                raise UserError(f"{folder} is no folder: name one that holds a cache or runs")
        whole = damaged = 0
        for path, fault in findings(folders):
            whole, damaged = whole + (fault is None), damaged + (fault is not None)
            if fault:
                print(printable(f"{path}: {fault}"))
        print(f"{whole} whole, {damaged} damaged")
    sys.exit(1 if damaged else 0)


def findings(folders: list[Path]) -> Iterator[Finding]:
    """Look at everything below some folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            yield from _look_at(path)


def _look_at(path: Path) -> Iterator[Finding]:
    from esc50.atomic import PART
    from esc50.data.cache.entries import entry_fault
    from esc50.results.run_folder import why_unfinished

    if path.match(PART):
        yield path, "a killed process was writing it: opening what it belongs to removes it"
    elif path.name == "part.json":
        yield path.parent, "its build was cut off: the same command goes on with it"
    elif path.name == "entry.json":
        yield path.parent, entry_fault(path.parent)
    elif path.suffix == ".ckpt":
        yield path, _archive_fault(path)
    elif path.name == "results.json":
        yield path, why_unfinished(path.parent)
    elif path.name == "predictions.csv" and path.with_name("results.json").is_file():
        yield path, _predictions_fault(path.parent)
    elif path.name == "results.csv":
        yield path, _ledger_fault(path)


def _archive_fault(path: Path) -> str | None:
    from esc50.errors import CheckpointError
    from esc50.training.resume.checkpoints import read_checkpoint

    try:
        read_checkpoint(path)
    except CheckpointError:
        return "is not a checkpoint of this package, or is damaged"
    return None


def _predictions_fault(folder: Path) -> str | None:
    from esc50.results.predictions import read_run

    try:
        read_run(folder)
    except UserError as error:
        return str(error).removeprefix(f"{folder / 'predictions.csv'}: ")
    return None


def _ledger_fault(path: Path) -> str | None:
    from esc50.results.ledger import read

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            read(path)
        except UserError as error:
            return str(error)
    return "; ".join(str(warning.message).removeprefix(f"{path}: ") for warning in found) or None


if __name__ == "__main__":
    main()

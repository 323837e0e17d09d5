"""The command `esc50-train`, which `train.py` is in a clone of the repository.

At the top it imports next to nothing: signals are heeded while Hydra, and then torch, load.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from esc50.errors import Stopped, UserError, exit_on_error

if TYPE_CHECKING:
    from omegaconf import DictConfig

HELP = """\
Train and test a classifier of environmental sounds.

  {command}                               one experiment, as the defaults say
  {command} data=esc10 optimizer.lr=3e-4  with another choice and another setting
  {command} +experiment=augmented         a recipe
  {command} -m seed=1,2,3 split.fold=1,2  a sweep: every combination, one job each
  {command} -m +sweep=optuna              a search; the same command continues it

  --help=data   show what is in a group: its files, with a comment on every setting
  --cfg job     show every setting, with the values that this command line gives it
  --hydra-help  show Hydra's own options

Choices, GROUP=CHOICE (* is the default; +GROUP=CHOICE where none is marked):
"""


def train() -> None:
    """Run the command line: one experiment, or with -m a sweep of them."""
    with exit_on_error():
        import hydra

        from esc50.config.choices import CONF
        from esc50.config.command import hydra_command
        from esc50.sweep.plugins import register_plugins

        with hydra_command(describe_choices):
            _refuse_to_show_a_sweep(sys.argv[1:])
            register_plugins()
            command = hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
            try:
                command(_train)()
            except Stopped as stop:  # before the run has begun; in a sweep, in or between its jobs
                stop.remedy = stop.remedy or "the same command does what is left to do"
                raise


def describe_choices() -> str:
    """Say what can be typed: the kinds of command, and each choice below conf/ in a line."""
    from omegaconf import OmegaConf

    from esc50.config.choices import CONF

    defaults = OmegaConf.load(CONF / "train.yaml").defaults
    chosen = [entry for entry in defaults if entry != "_self_"]
    name = Path(sys.argv[0]).name
    lines = [HELP.format(command=f"python {name}" if name.endswith(".py") else name)]
    for group in sorted({path.parent for path in CONF.glob("*/**/*.yaml")}):
        key = group.relative_to(CONF).as_posix()
        lines.append(f"  {key}")
        for path in sorted(group.glob("*.yaml")):
            mark = "*" if {key: path.stem} in chosen else " "
            lines.append(f"  {mark} {path.stem:<15} {_first_sentence(path)}".rstrip())
    return "\n".join(lines)


def _first_sentence(path: Path) -> str:
    """The first sentence of the comment that a config file begins with; "" where there is none."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("# @package")]
    comment = " ".join(line[2:] for line in takewhile(lambda line: line.startswith("# "), lines))
    return re.split(r"(?<=\.) ", comment)[0]


def _refuse_to_show_a_sweep(arguments: Sequence[str]) -> None:
    shows = any(argument.split("=")[0] in ("--cfg", "-c", "--info", "-i") for argument in arguments)
    if shows and {"--multirun", "-m"} & set(arguments):
        sys.exit("error: --cfg and --info show the config of one job: leave out -m")


def _train(cfg: "DictConfig") -> float | None:
    """Train as the config says; bad input is one sentence and exit code 1.

    A job of a sweep runs in a process of its own; if it fails, the others go on.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if HydraConfig.get().mode == RunMode.MULTIRUN:
        from esc50.sweep.run_job import run_job

        return run_job(cfg)
    with exit_on_error():
        from esc50.config.loading import quick_imports
        from esc50.config.validation import check

        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            check(cfg)
        except UserError:
            # As Hydra has read it: what is refused may be that it is no text.
            outputs = os.path.abspath(str(cfg.output_dir))  # noqa: PTH100
            _remove_if_new(folder, Path(outputs))
            raise
        with quick_imports():  # torch loads here, when the config is good
            from esc50.training.experiment import run

        return run(cfg, folder)


def _remove_if_new(folder: Path, output_dir: Path) -> None:
    """Remove a run's folder, and those around it, if Hydra alone has put something there."""
    if [path.name for path in folder.iterdir()] != [".hydra"]:
        return
    shutil.rmtree(folder / ".hydra")
    with suppress(OSError):  # there are other runs
        while output_dir in folder.parents:
            folder.rmdir()
            folder = folder.parent

"""The commands in README.md and docs/: each can be typed as it is printed."""

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from esc50.config.choices import CONF
from esc50.config.composition import compose_config
from scripts.results import _parser
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
# What stands for a file or a name of the reader's own.
OWN = re.compile(r"[<>$]|\bNAME\b|\.{3}|--config-dir|PYTHONPATH|mine|=my_|=birds|short_and_wide")


def commands(program: str) -> list[str]:
    """Every command of a program in a block of shell commands, or in backticks, without comment."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"```(?:bash|console)\n(.*?)```", text, re.DOTALL):
            found += [line.removeprefix("$ ") for line in block.splitlines()]
        found += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    chosen = [line for line in found if re.match(rf"{re.escape(program)}(\s|$)", line)]
    return sorted({line for line in chosen if not OWN.search(line)})


def one_job(override: str) -> str:
    """The override of a sweep's first job."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if not parsed.is_sweep_override():
        return override
    try:
        return f"{parsed.key_or_group}={next(iter(parsed.sweep_string_iterator()))}"
    except HydraException:  # an interval, from which a search draws
        return f"{parsed.key_or_group}=0.001"


def training_commands() -> dict[str, list[str]]:
    """The overrides of every command that trains, those for Hydra itself left out."""
    found = {}
    for program in ("python train.py", "esc50-train"):
        for command in commands(program):
            words = shlex.split(command.removeprefix(program), comments=True)
            plain = [word for word in words if not word.startswith(("-", "hydra"))]
            if not {"--help", "--cfg", "--info"} & {word.split("=")[0] for word in words}:
                found[command] = [one_job(word) for word in plain if not word.endswith("=-1")]
    return found


def test_every_choice_in_a_command_is_there():
    known = training_commands()
    assert len(known) > 30
    for command, overrides in known.items():
        for key, _, choice in (override.lstrip("+").partition("=") for override in overrides):
            if (CONF / key).is_dir():
                assert (CONF / key / f"{choice}.yaml").is_file(), command


@pytest.mark.slow
@pytest.mark.parametrize("command", training_commands())
def test_every_training_command_makes_a_valid_config(command):
    compose_config(training_commands()[command])


def test_every_command_of_the_ledger_parses():
    known = commands("python scripts/results.py")
    assert known
    for command in known:
        _parser().parse_args(shlex.split(command, comments=True)[2:])

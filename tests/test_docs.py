"""README.md and docs/: each command can be typed as it is printed, each link leads somewhere."""

import ast
import importlib
import json
import re
import shlex
import tomllib

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

import esc50
from esc50.config.choices import CONF
from esc50.config.composition import compose_config
from esc50.errors import DivergenceError
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
# What stands for a file or a name of the reader's own.
OWN = re.compile(r"[<>$]|\bNAME\b|\.{3}|--config-dir|PYTHONPATH|mine|=my_|=birds|short_and_wide")
# Scripts whose arguments are not Hydra's.
PARSED = "results report predict export serve listen soak benchmark".split()
MADE_WITH_THE_SITE = REPOSITORY / "docs" / "reference" / "config.md"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
# Of other projects, or of the shell.
OTHERS = "cd source curl npm tensorboard arecord some_program pytest python for done".split()


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of a language, with the page that it is on."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(REPOSITORY).as_posix()
        fenced = re.findall(rf"^ *```(?:{language})\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
        found += [(name, block) for block in fenced]
    return found


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
            # Teachers are runs that the reader has made.
            plain = [word for word in words if not word.startswith(("-", "hydra", "teachers="))]
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


@pytest.mark.slow
@pytest.mark.parametrize("command", training_commands())
def test_every_training_command_trains_and_tests(command, tiny_overrides, tmp_path):
    """On a few short clips instead of the data that the command names, one fold, one epoch."""
    ours = ("data", "features", "trainer=", "trainer.", "output_dir", "split=given", "ckpt_path")
    kept = [word for word in training_commands()[command] if not word.startswith(ours)]
    kept = ["split.fold=1" if word == "split.fold=all" else word for word in kept]
    small = [*tiny_overrides, f"output_dir={tmp_path}", "trainer.max_epochs=1"]
    if {"+experiment=ast", "+experiment=beats"} & set(kept):
        pytest.skip("90 million parameters take minutes for an epoch of a few clips")
    if {"+experiment=wav2vec2", "+experiment=whisper"} & set(kept):
        pytest.skip("their weights are downloaded")
    if "+experiment=classical" in kept:  # which brings its features, and one precision
        small = [word for word in small if not word.startswith(("features", "trainer.precision"))]
    cfg = compose_config([*kept, *small])
    if "optimizer.lr=1e9" in kept:  # shows what that ends in
        with pytest.raises(DivergenceError, match=r"lower optimizer\.lr"):
            esc50.train(cfg)
        return
    assert 0 <= esc50.train(cfg)["test/acc"] <= 1


@pytest.mark.parametrize("script", PARSED)
def test_every_command_of_a_script_parses(script, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "scripts")  # where its own modules are
    parser = importlib.import_module(f"scripts.{script}")._parser()
    known = commands(f"python scripts/{script}.py") + commands(f"esc50-{script}")
    assert known
    for command in known:
        words = shlex.split(command.replace("[", "").replace("]", ""), comments=True)
        arguments = words[2 if words[0] == "python" else 1 :]
        # Elsewhere it is but named, or its arguments are listed.
        if arguments and not {"CHECKPOINT", "FOLDER"} & set(arguments):
            parser.parse_args(arguments)


def test_every_program_in_a_block_of_commands_is_there():
    found = [(page, line) for page, block in blocks("bash|console") for line in block.splitlines()]
    assert {page for page, _ in found} > {"README.md", "docs/how-to/sweeps.md"}
    for page, line in found:
        words = line.removeprefix("$ ").split()
        words = [w for w in words if not re.fullmatch(r"[A-Z0-9_]+=\S*", w)]  # of the environment
        if not words or line.startswith((" ", "error:")) or re.match(r'#|\w+="', line):
            continue
        if words[:2] == ["pip", "install"]:
            for extra in re.findall(r"\[([\w,]+)\]", line):
                assert set(extra.split(",")) <= PROJECT["optional-dependencies"].keys(), line
        elif words[0] == "python" and words[1].endswith(".py"):
            assert (REPOSITORY / words[1]).is_file(), f"{page}: {line}"
        else:
            assert words[0] in (*PROJECT["scripts"], *OTHERS), f"{page}: {line}"


def test_code_and_settings_in_the_pages_have_no_slips():
    for page, block in blocks("python"):
        ast.parse(block, page)
    for _, block in blocks("yaml"):
        yaml.safe_load(block)
    for _, block in blocks("json"):
        json.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_that_is_there_and_a_heading_on_it(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if "://" in link or target == MADE_WITH_THE_SITE:
            continue
        assert target.exists(), link
        if heading:
            known = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [_anchor(line) for line in known], link


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def test_every_page_can_be_found_from_the_first():
    linked = {"index.md"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        linked |= {link.rpartition("/")[2] for link in re.findall(r"\]\(([\w./-]+\.md)", text)}
    assert {page.name for page in PAGES if page.name != "README.md"} <= linked


def test_every_extra_and_every_command_is_in_the_reference():
    page = (REPOSITORY / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    missing = [extra for extra in PROJECT["optional-dependencies"] if f"{extra}]'`" not in page]
    missing += [command for command in PROJECT["scripts"] if f"`{command}`" not in page]
    assert not missing

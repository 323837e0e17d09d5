"""What the command line says of itself, and how fast."""

import os
import subprocess
import sys
import time

import pytest

from esc50.cli import describe_choices, train
from esc50.config.choices import CONF
from tests.conftest import REPOSITORY


def command_line(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "train.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)


def test_help_names_every_choice_and_marks_the_defaults():
    lines = describe_choices().splitlines()
    for path in CONF.glob("*/**/*.yaml"):
        group = lines.index(f"  {path.parent.relative_to(CONF).as_posix()}")
        names = [line[4:].split()[0] for line in lines[group + 1 :]]
        assert path.stem in names
    marked = [line.split()[1] for line in lines if line.startswith("  * ")]
    assert {"esc50", "official", "resnet18"} <= set(marked)
    assert "literature" not in marked


def test_help_of_a_group_shows_its_comments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", "--help=scheduler"])
    with pytest.raises(SystemExit):
        train()
    assert (CONF / "scheduler" / "plateau.yaml").read_text() in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["train.py", "--help=skeduler"])
    with pytest.raises(SystemExit) as ended:
        train()
    assert ended.value.code == 1
    assert "did you mean scheduler" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["train.py", "scripts/audit.py"])
def test_help_whose_reader_has_gone_ends_without_a_word(script):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, str(REPOSITORY / script), "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 141 and done.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"]])
def test_questions_are_answered_soon_and_without_torch(arguments, tmp_path):
    """In little more time than Hydra itself takes to load, whatever plugins there are."""

    def seconds(command):
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - began

    hydra = ["-c", "import hydra"]
    asked = [str(REPOSITORY / "train.py"), *arguments]
    pairs = [(seconds(hydra), seconds(asked)) for _ in range(3)]
    assert min(answer / loading for loading, answer in pairs) < 3.5
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *asked], cwd=tmp_path, capture_output=True, text=True
    )
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "optuna", "ray", "joblib", "submitit"} & loaded


def test_a_refused_config_leaves_no_run_and_touches_none(tmp_path):
    folder = tmp_path / "outputs"
    refused = command_line("optimizer.lr=-1", "hydra.run.dir=outputs/a/b", cwd=tmp_path)
    assert refused.returncode == 1 and "optimizer.lr=-1 is invalid" in refused.stderr
    assert list(folder.iterdir()) == []
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "results.json").touch()
    command_line("optimizer.lr=-1", "hydra.run.dir=outputs/a/b", cwd=tmp_path)
    assert (folder / "a" / "b" / "results.json").exists()


@pytest.mark.parametrize("given", ["output_dir=5", "output_dir=a/../5 batch_size=0"])
def test_an_output_dir_that_is_no_text_or_roundabout_is_left_empty_too(given, tmp_path):
    refused = command_line(*given.split(), cwd=tmp_path)
    assert refused.returncode == 1 and f"{given.split()[-1]} is invalid" in refused.stderr
    assert list((tmp_path / "5").iterdir()) == []


def test_a_sweep_has_no_single_config_to_show(tmp_path):
    done = command_line("-m", "seed=1,2", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 1 and "leave out -m" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("choice", ["+sweep=optuna", "+sweep=grid", "hydra/sweeper=optuna"])
def test_a_sweep_without_m_is_refused(choice, tmp_path):
    done = command_line(choice, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: {choice} takes many runs: add -m\n"
    assert not list(tmp_path.iterdir())


def test_no_command_loads_libraries_that_it_can_do_without(tmp_path):
    """Module by module, the lightest first: a process keeps what those before it have loaded."""
    heavy = {"torch", "pytorch_lightning", "torchmetrics", "sklearn", "matplotlib", "plotly"}
    heavy |= {"scipy.signal", "librosa", "pandas", "soxr", "timm", "numba"}
    needs = {  # what loads for it: of predict, serve, listen and export; of train
        "esc50.cli": set(),
        "esc50.api": set(),
        "esc50.results.recipes.leaderboard": set(),
        "esc50.data.tables.table": set(),
        "esc50.deploy.predictor": {"torch"},
        # What torchmetrics loads where it is there, and Lightning loads torchmetrics.
        "esc50.training.experiment": heavy - {"sklearn", "plotly", "pandas", "timm"},
    }
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    print(*sys.modules)"
    command = [sys.executable, "-c", code, *needs]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    for (name, needed), loaded in zip(needs.items(), done.stdout.splitlines(), strict=True):
        assert heavy & set(loaded.split()) <= needed, name

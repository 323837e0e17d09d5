"""What a search leaves for people: a table, a page of figures, the best trial as a recipe."""

import csv
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial

from esc50.atomic import atomic_write, atomic_write_text
from esc50.config.choices import CONF
from esc50.config.typed import as_command
from esc50.results.cells import escape_cell
from esc50.results.display.layout import show_table
from esc50.results.labels import label, mark
from esc50.sweep.jobs import search_jobs
from esc50.sweep.labels import job_words
from esc50.sweep.search.study_page import write_study_page
from esc50.sweep.search.trials import Trials

SHOWN = 10  # trials in the printed table
NAME_LENGTH = 95  # characters that are kept of a search's name in the best trial's
# What a recipe leaves to the command line: which clips, tested how, and where things go.
OPEN = ("data", "split", "seed", "output_dir", "rerun", "ckpt_path", "logger", "jobs_per_gpu")


def write_report(study: optuna.Study, cfg: DictConfig, folder: Path, fixed: list[str]) -> None:
    """Print a study's best trials; write trials.csv, study.html and experiment/best_trial.yaml.

    Args:
        study: with its trials.
        cfg: the config that all trials share.
        folder: where the files go.
        fixed: the overrides that all trials share.
    """
    # Searches whose runs go elsewhere say so to Hydra.
    outputs = OmegaConf.select(cfg, "hydra.sweep.dir") or cfg.output_dir
    jobs = search_jobs(Path(outputs).absolute(), folder)
    words = job_words(jobs.values()) or {}
    trials = Trials(study, "fold" if cfg.split.fold == "all" else "epoch", jobs)
    table = trials.table(cfg.monitor + mark(words.get("leaky")))
    with atomic_write(folder / "trials.csv") as file:
        rows = [[_guarded(cell) for cell in row] for row in (table.columns, *table.rows)]
        csv.writer(file).writerows(rows)
    count = Counter(trials.state(trial) for trial in trials.ranked())
    said = ", ".join(f"{number} {word}" for word, number in count.items()) or "no trials"
    best = study.best_trial if count["finished"] else None
    command = _write_recipe(best, cfg, folder, fixed, label(words)) if best else None
    page = folder / "study.html"
    write_study_page(page, trials, cfg, words, command)
    # The whole of it is on the page; a terminal shows the best.
    shown = replace(table, title=f"{cfg.name}{label(words)}: {said}", rows=table.rows[:SHOWN])
    show_table(replace(shown, dispensable=["seconds", *table.columns[-2:2:-1]]))
    print(f"the search is in {page}")
    if best:
        print(f"the best trial is {best.number}; train it with\n  {command}")
    else:
        print("no trial finished: there is no best one")


def _guarded(cell: str) -> str:
    """A cell of trials.csv: what is no number cannot be a formula either."""
    try:
        float(cell)
    except ValueError:
        return escape_cell(cell)
    return cell


def _write_recipe(
    best: FrozenTrial, cfg: DictConfig, folder: Path, fixed: list[str], said: str
) -> str:
    """Write the best trial as an experiment; returns the command that trains it."""
    chosen = [f"{key}={value}" for key, value in best.params.items()]
    overrides = OverridesParser.create().parse_overrides([*fixed, *chosen])
    added: list[Any] = []
    replaced: list[Any] = []  # after them, as Hydra will have it
    left: list[str] = []
    values = OmegaConf.create({"name": f"{cfg.name[:NAME_LENGTH]}_best"})
    for override in overrides:
        key = override.key_or_group
        if key.startswith("hydra") or key in ("sweep", "name"):
            continue
        if key.split(".")[0] in OPEN:
            left.append(str(override.input_line))
        elif (CONF / key).is_dir():
            choice = override.value()
            if key == "experiment":
                added.insert(0, choice)
            elif override.is_add():  # a group that train.yaml has no choice of to replace
                added.append({f"/{key}": choice})
            else:
                replaced.append({f"override /{key}": choice})
        else:
            OmegaConf.update(values, key, override.value(), force_add=True)
    command = (
        f"{as_command('train')} --config-dir {shlex.quote(str(folder))} +experiment=best_trial"
    )
    command = " ".join([command, *map(shlex.quote, left)])
    (folder / "experiment").mkdir(exist_ok=True)
    recipe = OmegaConf.to_yaml({"defaults": [*added, *replaced, "_self_"], **values})
    atomic_write_text(
        folder / "experiment" / "best_trial.yaml",
        "# @package _global_\n"
        f"# Trial {best.number} of a search, {cfg.monitor}{said} {best.value:.4f}. Train it with\n"
        f"#   {command}\n{recipe}",
    )
    return command

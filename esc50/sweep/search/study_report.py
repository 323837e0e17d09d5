"""What a search leaves for people: a table, a page of figures, the best trial as a recipe."""

import csv
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial, TrialState

from esc50.atomic import atomic_write, atomic_write_text
from esc50.config.choices import CONF
from esc50.config.typed import as_command
from esc50.report.page import write_page
from esc50.results.cells import escape_cell
from esc50.results.display.layout import show_table
from esc50.results.display.tables import Table
from esc50.results.labels import label, labels, mark
from esc50.sweep.labels import search_words
from esc50.sweep.search.charts import StudyCharts
from esc50.sweep.search.study import FAILED

SHOWN = 10  # trials in the printed table
NAME_LENGTH = 95  # characters that are kept of a search's name in the best trial's
# What a recipe leaves to the command line: which clips, tested how, and where things go.
OPEN = ("data", "split", "seed", "output_dir", "rerun", "ckpt_path", "logger", "jobs_per_gpu")
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def write_report(study: optuna.Study, cfg: DictConfig, folder: Path, fixed: list[str]) -> None:
    """Print a study's best trials; write trials.csv, study.html and experiment/best_trial.yaml.

    Args:
        study: with its trials.
        cfg: the config that all trials share.
        folder: where the files go.
        fixed: the overrides that all trials share.
    """
    trials = _ranked(study)
    # Searches whose runs go elsewhere say so to Hydra.
    outputs = OmegaConf.select(cfg, "hydra.sweep.dir") or cfg.output_dir
    words = search_words(Path(outputs).absolute(), folder)
    metric = cfg.monitor + mark(words.get("leaky"))
    header, rows = _rows(study, trials, metric)
    with atomic_write(folder / "trials.csv") as file:
        csv.writer(file).writerows([[_guarded(cell) for cell in row] for row in (header, *rows)])
    count = Counter(row[1] for row in rows)
    said = ", ".join(f"{number} {word}" for word, number in count.items())
    said = said or "no trials"
    table = Table("Trials, the best first", header, rows, n_names=0)
    page = folder / "study.html"
    charts = StudyCharts(study, metric, "fold" if cfg.split.fold == "all" else "epoch")
    write_page(
        page,
        "study.html.j2",
        title=f"{cfg.name}: {said}",
        labels=labels(words),
        charts=charts.overall() if charts.done else [],
        slices=charts.slices(),
        trials=table,
    )
    # The whole of it is on the page; a terminal shows the best.
    title = f"{cfg.name}{label(words)}: {said}"
    show_table(
        Table(title, header, rows[:SHOWN], n_names=0, dispensable=["seconds", *header[-2:2:-1]])
    )
    print(f"the search is in {page}")
    if not count["finished"]:
        print("no trial finished: there is no best one")
        return
    command = _write_recipe(study.best_trial, cfg, folder, fixed, label(words))
    print(f"the best trial is {study.best_trial.number}; train it with\n  {command}")


def _ranked(study: optuna.Study) -> list[FrozenTrial]:
    """List the finished trials, best first, and then the others."""
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    done = [t for t in study.trials if t.state == TrialState.COMPLETE]
    others = [t for t in study.trials if t.state != TrialState.COMPLETE]
    return sorted(done, key=lambda trial: sign * trial.values[0]) + others


def _rows(
    study: optuna.Study, trials: list[FrozenTrial], monitor: str
) -> tuple[list[str], list[list[str]]]:
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    rows = []
    for trial in trials:
        state = STATES[trial.state]
        if trial.state == TrialState.FAIL and FAILED not in trial.user_attrs:
            state = "diverged"
        seconds = "" if trial.duration is None else f"{trial.duration.total_seconds():.0f}"
        value = "" if trial.state != TrialState.COMPLETE else f"{trial.value:.4f}"
        shown = [_short(trial.params.get(key, "")) for key in keys]
        rows.append([str(trial.number), state, value, *shown, seconds])
    leaves = [key.split(".")[-1] for key in keys]  # what fits a terminal, unless two are alike
    header = ["trial", "state", monitor, *leaves, "seconds"]
    if len(set(header)) < len(header):
        header = ["trial", "state", monitor, *keys, "seconds"]
    return header, rows


def _guarded(cell: str) -> str:
    """A cell of trials.csv: what is no number cannot be a formula either."""
    try:
        float(cell)
    except ValueError:
        return escape_cell(cell)
    return cell


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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

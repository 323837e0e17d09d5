import csv
import shlex

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from esc50.config.resolvers import register_resolvers
from esc50.config.signature import signature
from tests.conftest import REPOSITORY

pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from esc50.sweep.jobs import Job, Sweep, quoted
from esc50.sweep.search.study_report import write_report
from tests.sweep.made_search import drive, make


def test_the_report_ranks_and_its_recipe_is_the_best_trial(tiny_overrides, config, tmp_path):
    register_resolvers()
    fixed = ["data=esc10", "optimizer=adamw", *tiny_overrides[3:], f"output_dir={tmp_path}"]
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        cfg = compose("train", overrides=["+experiment=augmented", *fixed])
    study = make(cfg)
    drive(study, 6)
    write_report(study.study, cfg, study.folder, ["+experiment=augmented", *fixed])
    page = (study.folder / "study.html").read_text()
    assert page.count('class="plot"') >= 4 and "Hyperparameter importances" in page
    rows = (study.folder / "trials.csv").read_text().splitlines()
    assert rows[0] == "trial,state,val/loss,lr,batch_size,seconds" and len(rows) == 7
    losses = [float(row.split(",")[2]) for row in rows[1:]]
    assert losses == sorted(losses)
    best = study.study.best_trial
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        mine = ["+experiment=augmented", *fixed, *study.overrides(best)]
        trial = compose("train", overrides=mine)
        search = f"hydra.searchpath=[file://{study.folder}]"
        recipe = compose("train", overrides=[search, "+experiment=best_trial", "data=esc10"])
    assert recipe.name == "augmented_best"
    assert signature(recipe) == signature(trial)
    assert OmegaConf.to_container(recipe.augment) == OmegaConf.to_container(trial.augment)


def test_the_best_trial_keeps_a_choice_of_a_group_that_is_none_of_the_defaults(config):
    fixed = ["+debug=one_batch", "optimizer=adamw"]
    cfg = config(*fixed)
    study = make(cfg)
    drive(study, 1)
    write_report(study.study, cfg, study.folder, fixed)
    with initialize_config_dir(version_base="1.3", config_dir=str(REPOSITORY / "conf")):
        search = f"hydra.searchpath=[file://{study.folder}]"
        recipe = compose("train", overrides=[search, "+experiment=best_trial"])
    assert recipe.trainer.limit_train_batches == 1 and "AdamW" in recipe.optimizer._target_
    assert recipe.name == "debug_one_batch_best"


HOSTILE = "a<b, c=d \"e\" 'f' $HOME " + "x" * 70  # as long as a name may be, almost


def test_what_a_search_of_any_name_leaves_can_be_pasted_and_computes_nothing(
    config, tmp_path, capsys
):
    cfg = config(f"name={quoted(HOSTILE)}")
    study = make(cfg, ["monitor=choice('+x','-x')"])
    with study.sole_driver():
        (trial,) = study.ask(1)
        study.tell(trial, 0.5, None)
    fixed = ["data=demo", f"output_dir={quoted(tmp_path / 'a b')}"]
    write_report(study.study, cfg, study.folder, fixed)
    command = capsys.readouterr().out.splitlines()[-1]
    words = shlex.split(command)
    assert words[:4] == ["python", "train.py", "--config-dir", str(study.folder)]
    assert words[5:] == fixed
    with (study.folder / "trials.csv").open(newline="") as file:
        _, row = csv.reader(file)
    assert row[2] == "0.5000" and row[3] in ("'+x", "'-x")
    recipe = OmegaConf.load(study.folder / "experiment" / "best_trial.yaml")
    assert recipe.name.startswith("a<b, c=d") and len(recipe.name) <= 100


def test_what_a_search_of_leaky_runs_says_is_labelled_everywhere(
    config, tmp_path, make_run, capsys
):
    cfg = config(f"output_dir={tmp_path}", "name=made")
    study = make(cfg)
    drive(study, 2)
    run = make_run(tmp_path / "run", leaky=True, synthetic=True)
    trial = [f"trial.study={quoted(study.folder)}", "trial.number=0"]
    Sweep(tmp_path / "sweeps" / "s").note(0).write(Job(0, trial, str(run), "", None, 0.0))
    write_report(study.study, cfg, study.folder, [])
    both = "LEAKY, synthetic sound"
    assert f"made ({both}): 2 finished" in " ".join(capsys.readouterr().out.split())
    page = (study.folder / "study.html").read_text()
    assert page.count('<strong class="badge">') == 2
    assert ">val/loss LEAKY</th>" in page
    assert "val/loss LEAKY" in (study.folder / "trials.csv").read_text().splitlines()[0]
    recipe = (study.folder / "experiment" / "best_trial.yaml").read_text()
    assert f"val/loss ({both}) {study.study.best_value:.4f}" in recipe

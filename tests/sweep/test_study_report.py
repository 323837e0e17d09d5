import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from esc50.config.resolvers import register_resolvers
from esc50.config.signature import signature
from tests.conftest import REPOSITORY

pytest.importorskip("optuna", reason="searches need the extra `sweep`")
from esc50.sweep.study_report import write_report
from tests.sweep.search import drive, make


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

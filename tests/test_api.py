"""What a notebook does."""

import re
import subprocess
import sys

import pytest
import torch

import esc50
from esc50.errors import UserError
from tests.conftest import REPOSITORY


def test_a_recipe_is_loaded_looked_at_and_trained(tiny_overrides, tmp_path):
    cfg = esc50.load_recipe("augmented", *tiny_overrides, f"output_dir={tmp_path}")
    assert cfg.name == "augmented"
    data = esc50.build_datamodule(cfg)
    batch = next(iter(data.train_dataloader()))
    assert batch["x"].shape == (16, 1, 32, 32) and batch["x"].dtype == torch.float32
    assert batch["y"].shape == (16,) and set(batch["y"].tolist()) <= set(range(5))
    results = esc50.train(cfg)
    assert results["experiment"] == "augmented" and 0 <= results["test/acc"] <= 1
    assert (tmp_path / f"augmented-{results['signature']}" / "seed42" / "fold1").is_dir()


@pytest.mark.slow
def test_all_folds_give_their_summary(tiny_overrides, tmp_path):
    settings = ["split.fold=all", "trainer.max_epochs=1", f"output_dir={tmp_path}"]
    summary = esc50.train(esc50.load_recipe(None, *tiny_overrides, *settings))
    assert len(summary["test/acc_folds"]) == 5 and summary["complete"]


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, esc50; print(sorted({'torch', 'hydra', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert esc50.__version__ == version("esc50")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("first_runn",), "there is no experiment/first_runn: did you mean first_run?"),
        (("first_run", "max_epochs=2"), "max_epochs is not a setting: did you mean trainer.max_"),
        (("first_run", ["seed=1", "data=demo"]), "overrides are given one by one: load_recipe"),
    ],
)
def test_a_wrong_recipe_or_override_is_a_sentence(given, sentence):
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}"):
        esc50.load_recipe(*given)

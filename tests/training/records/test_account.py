import json

import pytest

from esc50.config.composition import compose_plain
from esc50.training.records.account import data_name, overrides
from tests.conftest import REPOSITORY


def test_own_clips_are_named_by_their_folder():
    section = {"_target_": "esc50.data.datasets.Folder", "root": "/my/sounds"}
    assert data_name(section) == "folder:sounds"
    assert data_name({"_target_": "esc50.data.datasets.ESC10", "root": "/x"}) == "esc10"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["+experiment=augmented", "data=esc10", "split=literature", "split.fold=2"], "none"),
        (["+experiment=augmented", "optimizer.lr=0.01", "seed=3"], "optimizer.lr=0.01"),
        (["data=folder", "data.root=x", "data.folds=3", "trainer.accelerator=cpu"], "data.folds=3"),
        (["model=resnet18_2x4", "report=false", "name=own"], "model=resnet18_2x4"),
        (["optimizer._target_=torch.optim.RAdam"], "optimizer._target_=torch.optim.RAdam"),
    ],
)
def test_a_run_says_what_it_sets_otherwise_than_its_recipe(typed, said):
    assert overrides(compose_plain(typed)) == said


def test_what_is_said_of_a_run_is_in_its_results(tiny_run):
    results = json.loads((tiny_run / "results.json").read_text())
    counts = {key: results[key] for key in ("n_classes", "n_train", "n_train_clips", "n_val")}
    assert counts == {"n_classes": 5, "n_train": 30, "n_train_clips": 30, "n_val": 10}
    assert (results["data"], results["leaky"], results["device"]) == ("esc50", False, "cpu")
    assert results["origin"] is None and results["audit"].startswith("no leak")


def test_the_reference_names_all_that_results_hold(tiny_run):
    page = (REPOSITORY / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    section = page.partition("## results.json")[2].partition("\n## ")[0]
    keys = json.loads((tiny_run / "results.json").read_text()).keys()
    assert [key for key in keys if f"`{key}`" not in section] == []

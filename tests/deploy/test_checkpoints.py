import shutil
from types import SimpleNamespace

import pytest
import torch

from esc50.deploy.checkpoints import choose_device, find_checkpoints, threshold_of
from esc50.errors import UserError


@pytest.fixture
def folds(make_run, tmp_path):
    """Two finished runs; of the second, nothing was chosen."""
    for fold, name in ((1, "best.ckpt"), (2, "last.ckpt")):
        folder = make_run(tmp_path / f"fold{fold}", fold=fold)
        (folder / "checkpoints").mkdir()
        for one in {name, "last.ckpt"}:
            (folder / "checkpoints" / one).touch()
    return tmp_path


def test_what_was_tested_is_found(folds):
    expected = [
        folds / "fold1" / "checkpoints" / "best.ckpt",
        folds / "fold2" / "checkpoints" / "last.ckpt",
    ]
    assert find_checkpoints(folds) == expected
    assert find_checkpoints(folds / "fold1") == expected[:1]
    assert find_checkpoints(expected[1]) == expected[1:]


def test_all_seeds_of_a_recipe_are_one_ensemble(folds):
    for seed in ("seed1", "seed2"):
        for fold in ("fold1", "fold2"):
            shutil.copytree(folds / fold, folds / "recipe" / seed / fold)
    found = [path.relative_to(folds).parts[1:3] for path in find_checkpoints(folds / "recipe")]
    assert found == [(seed, fold) for seed in ("seed1", "seed2") for fold in ("fold1", "fold2")]


def test_unfinished_runs_and_other_folders_are_refused(folds, tmp_path):
    (folds / "fold2" / "results.json").unlink()
    with pytest.raises(UserError, match=r"fold2: not finished"):
        find_checkpoints(folds)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty is no folder of a run"):
        find_checkpoints(tmp_path / "empty")


def test_a_device_that_is_not_here_is_refused():
    assert choose_device("cpu") == torch.device("cpu")
    for name in ("tpu9", "cuda:99"):
        with pytest.raises(UserError, match=f"no device {name} here"):
            choose_device(name)


def test_an_ensemble_has_a_threshold_if_all_its_members_have():
    def member(probability):
        threshold = None if probability is None else {"probability": probability}
        return SimpleNamespace(specification={"threshold": threshold})

    assert threshold_of([member(0.4), member(0.6)]) == pytest.approx(0.5)
    assert threshold_of([member(0.4), member(None)]) == 0
    assert threshold_of([SimpleNamespace(specification={})]) == 0

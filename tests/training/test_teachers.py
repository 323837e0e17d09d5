import json
import shutil

import pytest
import torch

from esc50.config.signature import signature
from esc50.errors import UserError
from esc50.model.trained import load_trained
from esc50.results.run_folder import chosen_checkpoint
from esc50.training.cross_validation import cross_validate
from esc50.training.fold import FoldRun, run_fold
from esc50.training.teachers import find_teachers
from tests.training.weights import same_weights, weights

QUICK = "trainer.max_epochs=1"


def taught(*folders):
    return f"teachers=[{','.join(map(str, folders))}]"


def test_a_network_taught_alone_comes_to_answer_as_its_teacher_does(config, tiny_run, tmp_path):
    settings = ["trainer.max_epochs=20", "optimizer.lr=0.01", "split=literature"]
    results = run_fold(config(taught(tiny_run), "teacher_weight=1", *settings), tmp_path / "taught")
    teacher, student = (
        load_trained(chosen_checkpoint(one)) for one in (tiny_run, tmp_path / "taught")
    )
    run = FoldRun(config(), tmp_path)
    run.data.setup()
    x = run.data.prepared.clips["logmel"][run.data.split.train]
    answers, theirs = (one.probabilities(x) for one in (student, teacher))
    assert not torch.allclose(theirs.argmax(1), theirs.argmax(1).mode().values)
    assert (answers - theirs).abs().mean() < 0.05
    assert results["teachers"].startswith("default-") and "seed42/fold1 (" in results["teachers"]
    assert results["origin"] is None and not results["leaky"]
    assert "earlier networks" in results["audit"]


def test_teachers_that_know_the_tested_clips_make_the_result_leaky(config, tiny_run, tmp_path):
    """`tiny_run` tests fold 1, chooses on fold 2, and trains on the others."""
    for fold, leaky in {1: False, 2: True, 3: True}.items():
        cfg = config(taught(tiny_run), f"split.fold={fold}", "split=literature", QUICK)
        results = run_fold(cfg, tmp_path / f"fold{fold}")
        assert results["leaky"] is leaky
        assert ("clips seen by the earlier networks: 10" in results["audit"]) is leaky
    # What teachers have seen is handed down to whom their pupil teaches.
    cfg = config(taught(tmp_path / "fold3"), "split.fold=1", "split=literature", QUICK)
    assert run_fold(cfg, tmp_path / "handed")["leaky"]


@pytest.mark.slow
def test_each_fold_is_taught_by_its_own_of_a_cross_validation(config, tmp_path):
    folds = ["split.fold=all", "split=literature", QUICK]
    cross_validate(config(*folds), tmp_path / "first")
    cfg = config(taught(tmp_path / "first"), *folds)
    cross_validate(cfg, tmp_path / "second")
    found = [
        json.loads((tmp_path / "second" / f"fold{fold}" / "results.json").read_text())
        for fold in range(1, 6)
    ]
    assert not any(results["leaky"] for results in found)
    assert all(f"fold{results['fold']} (" in results["teachers"] for results in found)
    assert {results["signature"] for results in found} == {signature(cfg)}
    # What teaches is part of what a run is, and where it lies is not.
    mine = signature(cfg)
    assert mine != signature(config(*folds))
    shutil.move(tmp_path / "first", tmp_path / "moved")
    assert signature(config(taught(tmp_path / "moved"), *folds)) == mine
    assert signature(config(taught(tmp_path / "second"), *folds)) != mine


@pytest.mark.slow
def test_a_taught_run_goes_on_to_the_same_bits(config, tiny_run, tmp_path):
    settings = [taught(tiny_run), "augment=online", "split=literature"]
    kept = "callbacks.last.keep_optimizer=true"
    run_fold(config(*settings, kept, QUICK), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    run_fold(config(*settings, "trainer.max_epochs=2", f"ckpt_path={last}"), tmp_path / "longer")
    run_fold(config(*settings, "trainer.max_epochs=2"), tmp_path / "long")
    run_fold(config(*settings[1:], "trainer.max_epochs=2"), tmp_path / "alone")
    long = weights(tmp_path / "long")
    assert same_weights(weights(tmp_path / "longer"), long)
    assert not same_weights(weights(tmp_path / "alone"), long)


def test_teachers_that_do_not_fit_are_refused(config, tiny_run, tmp_path):
    with pytest.raises(UserError, match="trained on other features than this run"):
        run_fold(config(taught(tiny_run), "features.width=16"), tmp_path / "narrow")
    with pytest.raises(UserError, match=r"teachers: .* holds no run of fold 1: name the folder"):
        find_teachers([str(tmp_path)], 1)
    (tmp_path / "text.ckpt").write_text("nothing")
    with pytest.raises(UserError, match="not a checkpoint of this package, or is damaged"):
        run_fold(config(taught(tmp_path / "text.ckpt")), tmp_path / "text")
    cfg = config(taught(tiny_run))
    run = FoldRun(cfg, tmp_path / "classes")
    run.data.table = run.data.table.select(run.data.table.labels != 4)
    with pytest.raises(UserError, match=r"knows 5 classes \(tone0, .*the data 4"):
        run.run()

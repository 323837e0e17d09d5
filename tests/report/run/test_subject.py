import pytest

from esc50.errors import UserError
from esc50.report.run.subject import find_subject


def test_one_run_and_the_folds_of_a_recipe(tmp_path, make_run):
    folders = [make_run(tmp_path / f"seed{s}" / f"fold{f}", f, s) for s in (1, 2) for f in (2, 1)]
    one = find_subject(folders[0])
    assert one.name == "made, fold 2, seed 1" and len(one.runs) == 1
    seed = find_subject(tmp_path / "seed2")
    assert [run.name for run in seed.runs] == ["fold 1, seed 2", "fold 2, seed 2"]
    recipe = find_subject(tmp_path)
    assert recipe.name == "made, 4 runs" and len(recipe.tests.clips) == 240
    assert recipe.run_of(0).name == "fold 1, seed 1" and recipe.run_of(239).name == "fold 2, seed 2"


def test_a_run_that_is_half_there_is_left_out_with_the_reason(tmp_path, make_run):
    make_run(tmp_path / "fold1", 1)
    (make_run(tmp_path / "fold2", 2) / "predictions.csv").write_text("clip,fold\n")
    (tmp_path / "fold3").mkdir()
    subject = find_subject(tmp_path)
    assert [run.name for run in subject.runs] == ["fold 1, seed 1"]
    assert set(subject.left_out) == {"fold2", "fold3"}
    assert "no results.json" in subject.left_out["fold3"]


def test_nothing_to_report_is_one_sentence(tmp_path, make_run):
    with pytest.raises(UserError, match=r"no finished run to report: .*no results.json"):
        find_subject(tmp_path)
    for fold, signature in ((1, "a"), (2, "b")):
        make_run(tmp_path / f"fold{fold}", fold, signature=signature)
    with pytest.raises(UserError, match="runs of 2 recipes"):
        find_subject(tmp_path)


def test_one_leaky_run_labels_all(tmp_path, make_run):
    make_run(tmp_path / "fold1", 1)
    make_run(tmp_path / "fold2", 2, leaky=True)
    assert find_subject(tmp_path).labels == ["LEAKY"]


def test_a_fold_that_was_not_tested_is_said(tmp_path, make_run):
    for seed, fold in ((1, 1), (1, 2), (2, 2)):
        make_run(tmp_path / f"seed{seed}" / f"fold{fold}", fold, seed)
    subject = find_subject(tmp_path)
    (said,) = subject.lacking()
    assert said.endswith("with seed 2 there is no finished run of fold 1.")
    first, second = subject.lacking([1, 2, 3])
    assert first.endswith("seed 1 there is no finished run of fold 3.")
    assert second.endswith("seed 2 there is no finished run of fold 1, 3.")
    # Who runs one fold with several seeds knows that it is one.
    assert find_subject(tmp_path / "seed2").lacking([1, 2, 3]) == []

import pytest

from esc50.sweep.grid import show_grid
from esc50.sweep.jobs import Job

TYPED = "+experiment=original optimizer.lr=1e-3,1e-2 model.stem_stride=[2,2],[2,4] seed=1".split()


@pytest.fixture
def groups(tmp_path, make_run):
    """A grid of two by two, each tested on two folds; the last combination has failed."""
    made = {}
    losses = {("1e-3", "[2,2]"): 0.5, ("1e-3", "[2,4]"): 0.3, ("1e-2", "[2,2]"): 0.9}
    for rate in ("1e-3", "1e-2"):
        for stride in ("[2,2]", "[2,4]"):
            folder = tmp_path / f"made-{rate}{stride}"
            made[folder] = []
            for fold in (1, 2):
                run = folder / "seed1" / f"fold{fold}"
                if loss := losses.get((rate, stride)):
                    make_run(run, fold=fold, synthetic=True, **{"val/loss": loss + fold / 100})
                chosen = [f"optimizer.lr={rate}", f"model.stem_stride={stride}"]
                overrides = [TYPED[0], *chosen, "seed=1", f"split.fold={fold}"]
                made[folder].append(Job(len(made), overrides, str(run)))
    return made


def test_fewer_folds_than_others_have_are_no_match_for_these(groups, tmp_path, capsys):
    (tmp_path / "made-1e-3[2,4]" / "seed1" / "fold2" / "results.json").unlink()
    show_grid(groups, TYPED, "val/loss")
    rows = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[3:7]]
    assert [row[2] for row in rows] == ["0.5150", "0.9150", "0.3100", "-"]


def test_one_table_has_a_column_per_setting_and_the_best_first(groups, capsys):
    show_grid(groups, [*TYPED, "split.fold=1,2"], "val/loss")
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "4 combinations, best val/loss first (synthetic sound)"
    assert out[1].split() == ["lr", "stem_stride", "val/loss", "val/acc", "runs"]
    rows = [line.split()[:3] for line in out[3:7]]
    assert rows == [
        ["1e-3", "[2,4]", "0.3150"],
        ["1e-3", "[2,2]", "0.5150"],
        ["1e-2", "[2,2]", "0.9150"],
        ["1e-2", "[2,4]", "-"],
    ]
    assert out[-1] == (
        "  python train.py -m +experiment=original seed=1 split.fold=1,2 optimizer.lr=1e-3 "
        "'model.stem_stride=[2,4]'"
    )


def test_without_validation_none_is_called_the_best(groups, capsys):
    show_grid(groups, TYPED, "val/f1_macro")
    out = capsys.readouterr().out
    assert "none of them is the best" in out and "python train.py" not in out


def test_where_all_have_failed_no_split_is_to_blame(groups, capsys):
    failed = {folder: jobs for folder, jobs in groups.items() if not folder.exists()}
    show_grid(
        failed | {folder / "other": jobs for folder, jobs in failed.items()}, TYPED, "val/acc"
    )
    assert "split=official" not in capsys.readouterr().out


def test_a_ready_grid_is_repeated_without_it(groups, capsys):
    show_grid(groups, ["+sweep=grid", "+experiment=original"], "val/loss")
    command = capsys.readouterr().out.splitlines()[-1]
    assert command.startswith("  python train.py +experiment=original optimizer.lr=1e-3")

import shutil

import pytest
import torch

from esc50.config.signature import signature
from esc50.errors import CheckpointError, UserError
from esc50.training.fold import run_fold
from tests.training.weights import same_weights, weights

KEPT = "callbacks.last.keep_optimizer=true"  # else a finished run cannot be made longer


def test_checkpoints_that_cannot_be_continued_are_refused(config, tmp_path, tiny):
    with pytest.raises(UserError, match="no checkpoint at"):
        run_fold(config("ckpt_path=last"), tmp_path / "none")
    run_fold(config(KEPT), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for override, why in (
        ("split.fold=3", "split.fold=3 is not what .*split.fold=1"),
        ("seed=1", "seed=1 is not what"),
        ("optimizer.lr=0.01", "optimizer.lr=0.01 is not what .*model.weights="),
        ("scheduler=plateau", "scheduler"),
        ("split=literature", "split.protocol=literature is not what"),
        ("data.workers=1", "has 2 epochs behind it, and trainer.max_epochs=2 leaves none"),
    ):
        with pytest.raises(UserError, match=why):
            run_fold(config(override, f"ckpt_path={path}"), tmp_path / "other")
    best = path.with_name("best.ckpt")
    with pytest.raises(UserError, match=r"weights alone.*keep_optimizer=true"):
        run_fold(config("trainer.max_epochs=3", f"ckpt_path={best}"), tmp_path / "other")
    fewer = tmp_path / "fewer"
    shutil.copytree(tiny, fewer)
    table = fewer / "meta" / "esc50.csv"
    lines = [line for line in table.read_text().splitlines() if "tone4" not in line]
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="trained on 5 classes"):
        run_fold(config(f"data.root={fewer}", f"ckpt_path={path}"), tmp_path / "other")
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        run_fold(config(f"ckpt_path={path}"), tmp_path / "other")
    assert not (tmp_path / "other" / "results.json").exists()


def test_a_run_made_longer_is_the_one_that_was_long_from_the_start(config, tmp_path):
    short = run_fold(config("trainer.max_epochs=1", KEPT), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    longer = config("trainer.max_epochs=3", f"ckpt_path={last}")
    results = run_fold(longer, tmp_path / "longer")
    run_fold(config("trainer.max_epochs=3"), tmp_path / "long")
    for name in ("last", "best"):
        assert same_weights(weights(tmp_path / "longer", name), weights(tmp_path / "long", name))
    assert short["signature"] in results["origin"] and not results["leaky"]
    assert results["signature"] != signature(config("trainer.max_epochs=3"))


@pytest.mark.slow
def test_a_finished_run_keeps_its_weights_alone_unless_told(config, tmp_path):
    choices = ["split=literature", "callbacks=averaged", "trainer.max_epochs=1"]
    run_fold(config(*choices), tmp_path / "run")
    run_fold(config(*choices, KEPT), tmp_path / "whole")
    kept, whole = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        for name in ("run", "whole")
    )
    assert "optimizer_states" in whole and "optimizer_states" not in kept
    assert kept["esc50"]["classes"] == whole["esc50"]["classes"]
    assert same_weights(kept["state_dict"], whole["state_dict"])
    sizes = [
        (tmp_path / name / "checkpoints" / "last.ckpt").stat().st_size for name in ("run", "whole")
    ]
    assert sizes[0] < 0.4 * sizes[1]


@pytest.mark.slow
def test_a_run_whose_results_are_gone_is_made_anew_from_weights_that_cannot_go_on(config, tmp_path):
    first = run_fold(config(), tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    again = run_fold(config(), tmp_path / "run")
    assert again["test/loss"] == first["test/loss"]
    assert (tmp_path / "run" / "previous-1" / "checkpoints" / "last.ckpt").is_file()


@pytest.fixture
def cut_off(tiny_run, tmp_path):
    """A run that was trained to its end and cut off before its results were written, and moved."""
    run = tmp_path / "moved"
    shutil.copytree(tiny_run, run)
    for name in ("results.json", "predictions.csv"):
        (run / name).unlink()
    return run


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def change(change_it):
    def damage(path):
        checkpoint = torch.load(path, weights_only=True)
        change_it(checkpoint)
        torch.save(checkpoint, path)

    return damage


def test_a_run_that_was_cut_off_in_its_test_and_moved_is_tested(config, cut_off, tiny_run):
    before = weights(tiny_run, "best")
    results = run_fold(config(), cut_off)
    assert (cut_off / "predictions.csv").read_bytes() == (tiny_run / "predictions.csv").read_bytes()
    assert results["run_dir"] == str(cut_off) and same_weights(weights(cut_off, "best"), before)
    assert not list(cut_off.glob("previous-*"))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        (
            "best",
            flip,
            "best.ckpt is not a checkpoint of this package, or is damaged: starting anew",
        ),
        pytest.param(
            "best",
            lambda path: path.unlink(),
            "the best epoch so far, is missing",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "last", flip, "last.ckpt is damaged: it is kept aside", marks=pytest.mark.slow
        ),
        pytest.param(
            "last",
            change(lambda it: it["state_dict"].pop("network.fc.bias")),
            "cannot be gone on from",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_whose_checkpoint_is_lost_is_made_from_what_is_whole(
    config, cut_off, tiny_run, capsys, name, damage, said
):
    damage(cut_off / "checkpoints" / f"{name}.ckpt")
    run_fold(config(), cut_off)
    assert said in capsys.readouterr().out
    assert (cut_off / "predictions.csv").read_bytes() == (tiny_run / "predictions.csv").read_bytes()
    assert (cut_off / "previous-1" / "checkpoints").is_dir()


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        change(lambda it: it["state_dict"].pop("network.fc.bias")),
        change(lambda it: it["optimizer_states"].clear()),
        change(lambda it: it["esc50"].pop("config")),
        change(lambda it: it.update(esc50=None)),
        change(lambda it: it.pop("loops")),
    ],
)
def test_a_damaged_or_partial_checkpoint_is_not_gone_on_from(config, tiny_run, tmp_path, damage):
    path = tmp_path / "last.ckpt"
    shutil.copy(tiny_run / "checkpoints" / "last.ckpt", path)
    damage(path)
    with pytest.raises(CheckpointError, match=r"last\.ckpt"):
        run_fold(config("trainer.max_epochs=3", f"ckpt_path={path}"), tmp_path / "longer")


def test_a_checkpoint_without_its_best_epoch_is_not_gone_on_from(config, tiny_run, tmp_path):
    path = tmp_path / "last.ckpt"
    shutil.copy(tiny_run / "checkpoints" / "last.ckpt", path)
    with pytest.raises(CheckpointError, match="the best epoch so far, is missing"):
        run_fold(config("trainer.max_epochs=3", f"ckpt_path={path}"), tmp_path / "longer")


@pytest.mark.slow
def test_a_run_with_class_weights_goes_on_to_the_same_bits(config, tmp_path):
    weighted = ["class_weights=balanced", "augment=online", "label_smoothing=0.1"]
    run_fold(config("trainer.max_epochs=1", KEPT, *weighted), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    longer = config("trainer.max_epochs=2", f"ckpt_path={last}", *weighted)
    run_fold(longer, tmp_path / "longer")
    run_fold(config("trainer.max_epochs=2", *weighted), tmp_path / "long")
    assert same_weights(weights(tmp_path / "longer", "last"), weights(tmp_path / "long", "last"))


def test_a_run_with_dropout_goes_on_to_the_same_bits(config, tmp_path):
    cnn14 = ["model=panns_cnn14", "model.width=2", "model.weights=null", "optimizer.lr=0.01"]
    run_fold(config("trainer.max_epochs=1", KEPT, *cnn14), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    run_fold(config("trainer.max_epochs=2", f"ckpt_path={last}", *cnn14), tmp_path / "longer")
    run_fold(config("trainer.max_epochs=2", *cnn14), tmp_path / "long")
    assert same_weights(weights(tmp_path / "longer", "last"), weights(tmp_path / "long", "last"))

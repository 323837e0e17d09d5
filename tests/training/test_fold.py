import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from sklearn.metrics import accuracy_score, f1_score, log_loss
from torchvision.models import resnet18

from esc50.config.hardware import resolve_precision
from esc50.config.signature import signature
from esc50.data.datamodule import ESC50DataModule
from esc50.errors import DivergenceError, UserError
from esc50.model.resnet import single_channel_resnet18
from esc50.results.ledger import read
from esc50.training.fold import run_fold
from tests.conftest import REPOSITORY

CONTRACT = (
    "experiment protocol leaky fold seed n_classes n_train n_train_clips n_val n_test epochs "
    "train/acc val/acc test/acc test/loss test/f1_macro test/acc_category5 seconds_fit git_commit "
    "torch signature synthetic audit"
).split()


def weights(folder, name="last"):
    path = folder / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True, map_location="cpu")["state_dict"]


def same_weights(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_leaves_what_the_contract_says(config, tmp_path):
    cfg = config("+experiment=augmented", "trainer.max_epochs=5")
    results = run_fold(cfg, tmp_path / "run")
    on_disk = json.loads((tmp_path / "run" / "results.json").read_text())
    assert on_disk == results
    assert not set(CONTRACT) - set(on_disk)
    assert on_disk["protocol"] == "official" and on_disk["leaky"] is False
    assert (on_disk["n_train_clips"], on_disk["n_val"], on_disk["n_test"]) == (30, 10, 10)
    assert 60 <= on_disk["n_train"] <= 180  # 1 to 5 copies beside each clip
    assert on_disk["test/acc_category5"] is None  # not ESC-50's classes
    assert on_disk["test/acc"] >= 0.6  # chance is 0.2, and the tones are far apart
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    ledger = read(tmp_path / "outputs" / "results.csv")
    assert len(ledger) == 1 and ledger[0]["test/acc"] == pytest.approx(results["test/acc"])


def test_predictions_agree_with_results(config, tmp_path):
    results = run_fold(config(), tmp_path / "run")
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [f"tone{i}" for i in range(5)]
    assert list(rows[0]) == ["clip", "fold", "target", "prediction", *classes]
    assert len(rows) == 10 and {row["fold"] for row in rows} == {"1"}
    target = [int(row["target"]) for row in rows]
    guess = [int(row["prediction"]) for row in rows]
    probability = np.array([[float(row[name]) for name in classes] for row in rows])
    assert results["test/acc"] == pytest.approx(accuracy_score(target, guess))
    f1 = f1_score(target, guess, labels=range(5), average="macro", zero_division=0)
    assert results["test/f1_macro"] == pytest.approx(f1)
    assert results["test/loss"] == pytest.approx(
        log_loss(target, probability, labels=range(5)), rel=1e-4
    )


def test_a_checkpoint_suffices_to_predict(config, tmp_path):
    run_fold(config(), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    own = torch.load(path, weights_only=True)["esc50"]
    assert own["classes"] == [f"tone{i}" for i in range(5)]
    assert own["features"]["n_mels"] == 32
    assert own["config"]["optimizer"]["lr"] == 1e-3
    assert set(own["metrics"]) >= {"train/acc", "val/acc", "val/loss"}


def test_same_config_same_weights_and_other_seed_others(config, tmp_path):
    cfg = config("+experiment=augmented", "trainer.max_epochs=1")
    for name in ("one", "two"):
        run_fold(cfg, tmp_path / name)
    run_fold(config("+experiment=augmented", "trainer.max_epochs=1", "seed=43"), tmp_path / "three")
    assert same_weights(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert not same_weights(weights(tmp_path / "one"), weights(tmp_path / "three"))


@pytest.mark.parametrize(
    "extra",
    [
        ["+experiment=augmented", "scheduler=cosine", "callbacks=averaged", "model=resnet18_2x4"],
        pytest.param(
            ["augment=online", "augment.mix_until=0.5", "scheduler=onecycle"],
            marks=pytest.mark.slow,
        ),
        pytest.param(["scheduler=plateau", "scheduler.patience=0"], marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_in_mid_epoch_ends_where_an_unbroken_one_does(
    config, tiny_overrides, tmp_path, extra
):
    settings = ["trainer.max_epochs=4", "callbacks.early_stopping=null", *extra]
    run_fold(config(*settings), tmp_path / "unbroken")
    broken = tmp_path / "broken"
    command = [sys.executable, str(REPOSITORY / "train.py"), *tiny_overrides, *settings]
    command += [f"hydra.run.dir={broken}", f"output_dir={tmp_path / 'outputs'}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = broken / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 60
    while not (last.exists() and process.poll() is None) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (broken / "results.json").exists(), "it finished before it was killed"
    shutil.rmtree(broken / ".hydra", ignore_errors=True)
    callbacks = torch.load(last, weights_only=True)["callbacks"]
    before = callbacks["Timer"]["time_elapsed"]["train"]
    began = time.monotonic()
    results = run_fold(config(*settings, "ckpt_path=last"), broken)
    assert before < results["seconds_fit"] < before + time.monotonic() - began
    assert results["epochs"] == 4
    assert same_weights(weights(broken), weights(tmp_path / "unbroken"))
    assert same_weights(weights(broken, "best"), weights(tmp_path / "unbroken", "best"))


@pytest.mark.parametrize(("split", "kept"), [("literature", "last"), ("official", "best")])
def test_the_averaged_weights_are_the_ones_tested_and_kept(config, tmp_path, split, kept):
    settings = [f"split={split}", "callbacks=averaged", "callbacks.average.decay=0.7"]
    settings += ["trainer.precision=32-true"]  # the network below computes in it
    results = run_fold(config(*settings), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / f"{kept}.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    average, last_step = checkpoint["state_dict"], checkpoint["current_model_state"]
    assert not torch.equal(average["network.conv1.weight"], last_step["network.conv1.weight"])
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clips, table = clip_features_of(config(*settings), [row["clip"] for row in rows])
    losses = {}
    for name, state in (("average", average), ("last step", last_step)):
        network = single_channel_resnet18(5).eval()
        network.load_state_dict(
            {key.removeprefix("network."): value for key, value in state.items()}
        )
        with torch.no_grad():
            scores = network((clips - 0.5) / 0.5)
        losses[name] = torch.nn.functional.cross_entropy(scores, table).item()
    assert results["test/loss"] == pytest.approx(losses["average"], rel=1e-4)
    assert results["test/loss"] != pytest.approx(losses["last step"], rel=1e-2)


def clip_features_of(cfg, names):
    """Pictures and targets of the named clips."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    sections = {key: plain[key] for key in ("data", "split", "features", "augment")}
    data = ESC50DataModule(**sections, batch_size=cfg.batch_size, seed=cfg.seed)
    data.setup()
    rows = [data.table.filenames.index(name) for name in names]
    return data.clips["logmel"][rows], torch.from_numpy(data.table.targets[rows])


def test_a_run_that_stopped_early_does_not_go_on_when_continued(config, tmp_path):
    settings = ["trainer.max_epochs=9", "callbacks.early_stopping.patience=1", "optimizer.lr=0.0"]
    first = run_fold(config(*settings), tmp_path / "run")
    assert first["epochs"] < 9
    (tmp_path / "run" / "results.json").unlink()  # as if killed between the fit and the test
    second = run_fold(config(*settings), tmp_path / "run")
    assert second["epochs"] == first["epochs"]
    assert second["test/loss"] == first["test/loss"]


def test_a_finished_run_is_found_and_rerun_keeps_the_old_one(config, tmp_path):
    first = run_fold(config(), tmp_path / "run")
    assert (
        run_fold(config("data.workers=1", "trainer.log_every_n_steps=7"), tmp_path / "run") == first
    )
    again = run_fold(config("rerun=true"), tmp_path / "run")
    assert again["test/loss"] == first["test/loss"]
    kept = json.loads((tmp_path / "run" / "previous-1" / "results.json").read_text())
    assert kept == first
    assert len(read(tmp_path / "outputs" / "results.csv")) == 2


def test_a_moved_run_goes_on_and_keeps_its_best_epoch(config, tmp_path):
    # At this learning rate the epochs after the first are worse, which is what must not win.
    settings = ["trainer.max_epochs=3", "optimizer=sgd", "optimizer.lr=0.5"]
    settings += ["callbacks.early_stopping=null", "trainer.precision=32-true"]
    whole = run_fold(config(*settings), tmp_path / "whole")
    before = run_fold(config(*settings, "trainer.max_epochs=1"), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    (tmp_path / "short").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / last.relative_to(tmp_path / "short")
    results = run_fold(config(*settings, f"ckpt_path={moved}"), tmp_path / "longer")
    assert before["val/loss"] >= whole["val/loss"]
    assert results["val/loss"] == whole["val/loss"] and results["test/loss"] == whole["test/loss"]
    assert same_weights(weights(tmp_path / "longer", "best"), weights(tmp_path / "whole", "best"))


def test_literature_chooses_nothing(config, tmp_path):
    results = run_fold(config("split=literature"), tmp_path / "run")
    assert results["val/acc"] is None and results["n_val"] == 0 and results["n_train_clips"] == 40
    assert results["epochs"] == 2
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_the_published_protocol_leaks_and_says_so(config, tmp_path):
    results = run_fold(config("+experiment=published", "trainer.max_epochs=1"), tmp_path / "run")
    assert results["protocol"] == "published" and results["leaky"] is True
    assert "LEAKY" in results["audit"]
    assert results["n_test"] == 8  # 15% of 50, from the stale draw
    own = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)["esc50"]
    assert own["leaky"] is True


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("optimizer.lr=0.01", False),
        ("augment=published", False),
        ("features.n_mels=40", False),
        ("batch_size=8", False),
        ("trainer.max_epochs=3", False),
        ("split=literature", False),
        ("ckpt_path=elsewhere/last.ckpt", False),
        ("ckpt_path=last", True),
        ("split.fold=3", True),
        ("seed=7", True),
        ("data.workers=1", True),
        ("data.cache_dir=elsewhere", True),
        ("logger.tensorboard=null", True),
        ("trainer.log_every_n_steps=3", True),
    ],
)
def test_signature_holds_what_affects_the_numbers(config, override, same):
    assert (signature(config()) == signature(config(override))) == same


PRECISIONS = ["32-true", *({resolve_precision("cpu", "auto")} - {"32-true"})]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_each_precision_of_this_machine_learns_and_is_recorded(config, tmp_path, precision):
    settings = [f"trainer.precision={precision}", "trainer.max_epochs=5"]
    results = run_fold(config(*settings), tmp_path / "run")
    assert results["test/acc"] >= 0.6  # chance is 0.2
    (row,) = read(tmp_path / "outputs" / "results.csv")
    for recorded in (results, row):
        assert recorded["precision"] == precision
        assert recorded["threads"] == torch.get_num_threads() and recorded["processor"]
        assert recorded["device"] == "cpu"


def test_a_precision_of_auto_is_the_same_run_as_what_it_stands_for(config):
    meant = resolve_precision("cpu", "auto")
    other = "64-true"
    auto = config("trainer.precision=auto")
    assert signature(auto) == signature(config(f"trainer.precision={meant}"))
    assert signature(auto) != signature(config(f"trainer.precision={other}"))


def test_a_diverging_run_ends_in_a_sentence_and_leaves_no_result(config, tmp_path):
    with pytest.raises(
        DivergenceError, match=r"epoch 1, step \d+.*learning rate 1e\+30.*optimizer\.lr"
    ):
        run_fold(config("optimizer.lr=1e30"), tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()
    assert not (tmp_path / "outputs" / "results.csv").exists()
    assert not list((tmp_path / "run").rglob("*.ckpt"))


def test_weights_that_diverge_in_the_last_step_are_not_kept(config, tmp_path):
    once = ["split=literature", "batch_size=64", "trainer.max_epochs=1", "optimizer=sgd"]
    with pytest.raises(DivergenceError, match="not finite"):
        run_fold(config(*once, "optimizer.lr=1e300", "trainer.precision=32-true"), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.ckpt"))


def test_checkpoints_that_cannot_be_continued_are_refused(config, tmp_path, tiny):
    with pytest.raises(UserError, match="no checkpoint at"):
        run_fold(config("ckpt_path=last"), tmp_path / "none")
    run_fold(config(), tmp_path / "run")
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
    with pytest.raises(UserError, match="weights alone"):
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
    short = run_fold(config("trainer.max_epochs=1"), tmp_path / "short")
    last = tmp_path / "short" / "checkpoints" / "last.ckpt"
    longer = config("trainer.max_epochs=3", f"ckpt_path={last}")
    results = run_fold(longer, tmp_path / "longer")
    run_fold(config("trainer.max_epochs=3"), tmp_path / "long")
    for name in ("last", "best"):
        assert same_weights(weights(tmp_path / "longer", name), weights(tmp_path / "long", name))
    assert short["signature"] in results["origin"] and not results["leaky"]
    assert results["signature"] != signature(config("trainer.max_epochs=3"))


def test_weights_that_have_seen_the_tested_clips_make_the_result_leaky(config, tmp_path):
    first = run_fold(config(), tmp_path / "first")  # tests fold 1, chooses on 2, trains on 3 to 5
    assert first["origin"] is None and first["pretrained_on"] is None
    best = tmp_path / "first" / "checkpoints" / "best.ckpt"
    last = best.with_name("last.ckpt")
    expected = {3: True, 2: True, 1: False}  # trained on, chosen on, neither
    for fold, leaky in expected.items():
        cfg = config(f"split.fold={fold}", f"model.weights={best}", "split=literature")
        results = run_fold(cfg, tmp_path / f"fold{fold}")
        assert results["leaky"] is leaky
        assert ("clips seen by the starting weights: 10" in results["audit"]) is leaky
        assert first["signature"] in results["origin"]
    # What a network has seen is handed down: fold 1 was trained on by the run just made.
    second = tmp_path / "fold3" / "checkpoints" / "last.ckpt"
    cfg = config("split.fold=1", f"model.weights={second}", "split=literature")
    assert run_fold(cfg, tmp_path / "third")["leaky"]
    assert signature(config(f"model.weights={best}")) != signature(config(f"model.weights={last}"))
    assert signature(config(f"model.weights={best}")) != signature(config())


def test_weights_of_unknown_origin_are_named(config, tmp_path):
    torch.save(resnet18(num_classes=7).state_dict(), tmp_path / "found.pth")
    results = run_fold(config(f"model.weights={tmp_path / 'found.pth'}"), tmp_path / "run")
    assert results["pretrained_on"].startswith("unknown: found.pth")
    assert results["origin"] is None

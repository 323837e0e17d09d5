"""A user's package brings a network, an optimiser, a scheduler, a callback, loggers, a data set."""

import csv
import json
import subprocess
import sys

import pytest
import torch

from esc50.config.composition import compose_config
from esc50.errors import UserError
from esc50.training.fold import FoldRun
from tests.conftest import REPOSITORY

PACKAGE = """
from pathlib import Path
import pytorch_lightning as pl
import torch
from esc50.data.tables.table import read_table

class Net(torch.nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, width, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(), torch.nn.Linear(width, num_classes))
    def forward(self, x):
        return self.layers(x)

class Put(Net):
    def forward(self, x):
        return super().forward(x.clone().put_(torch.tensor([0]), torch.ones(1)))

class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad.sign()
        return loss

class Diary(pl.Callback):
    def __init__(self, path):
        self.path = Path(path)
    def on_train_epoch_end(self, trainer, pl_module):
        with self.path.open("a") as file:
            file.write(f"{trainer.current_epoch}\\n")

class Shelf:
    def __init__(self, where, seed=0):
        self.where = where
    def open(self):
        return read_table(self.where)
"""

CONF = {
    "model/mine": "_target_: mypkg.Net\nwidth: 8",
    "optimizer/mine": "_target_: mypkg.SignSGD\n_partial_: true\nlr: 0.01",
    "scheduler/mine": "_target_: torch.optim.lr_scheduler.StepLR\n_partial_: true\nstep_size: 1",
    "data/mine": "_target_: mypkg.Shelf\nwhere: {where}\ncache_dir: {cache}\nworkers: null",
}


@pytest.fixture
def mine(tmp_path, tiny, tiny_overrides, monkeypatch):
    """Runs train.py with the package and the configs of one's own."""
    (tmp_path / "mypkg.py").write_text(PACKAGE)
    for name, text in CONF.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(where=tiny, cache=tmp_path / "cache") + "\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    kept = [o for o in tiny_overrides if not o.startswith("data")]
    kept += [f"hydra.searchpath=[file://{tmp_path / 'conf'}]"]

    def run(*arguments):
        command = [
            sys.executable,
            str(REPOSITORY / "train.py"),
            f"--config-dir={tmp_path / 'conf'}",
        ]
        command += [*kept, *arguments, f"output_dir={tmp_path / 'outputs'}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)

    run.overrides = kept
    yield run
    sys.modules.pop("mypkg", None)


@pytest.mark.slow
def test_everything_is_ones_own(mine, tmp_path):
    choices = [f"{group}=mine" for group in ("model", "optimizer", "scheduler", "data")]
    diary = f"+callbacks.diary={{_target_: mypkg.Diary, path: {tmp_path / 'diary.txt'}}}"
    whole = "callbacks.last.keep_optimizer=true"
    done = mine(*choices, "logger=tensorboard_csv", diary, whole)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("outputs/default-*/seed42/fold1")
    assert (tmp_path / "diary.txt").read_text().split() == ["0", "1"]
    own = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert own["state_dict"]["network.layers.0.weight"].shape == (8, 1, 3, 3)
    # Every step of the sign moves each weight by the learning rate, which falls to a tenth.
    assert own["lr_schedulers"][0]["_last_lr"] == [pytest.approx(1e-4)]
    with (folder / "metrics.csv").open() as file:
        assert sum(bool(row["val/loss"]) for row in csv.DictReader(file)) == 2
    assert list(folder.glob("events.out.tfevents.*"))
    results = json.loads((folder / "results.json").read_text())
    assert results["data"] == "shelf" and results["n_test"] == 10


@pytest.mark.slow
def test_a_logger_keeps_the_place_it_is_given(mine, tmp_path):
    place = tmp_path / "elsewhere"
    done = mine("model=mine", "data=mine", "logger=csv", f"logger.csv.save_dir={place}")
    assert done.returncode == 0, done.stderr
    assert (place / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=mine", "+model.widht=3"], "model.widht is not an argument of mypkg.Net: did you"),
        (["model=mine", "model._target_=mypkg.Nett"], "mypkg has no attribute 'Nett'"),
        (["optimizer=mine", "~optimizer.lr"], "mypkg.SignSGD needs lr"),
        (["+callbacks.diary={_target_: mypkg.Diary}"], "callbacks.diary: mypkg.Diary needs path"),
        (["optimizer._target_=torch.optim.RMSprop"], "optimizer.fused is not an argument of torch"),
        (["+trainer.max_step=3"], "trainer.max_step is not an argument of"),
        (["logger=wandb"], "wandb"),
    ],
)
def test_what_does_not_fit_is_one_sentence(mine, arguments, words, tmp_path):
    with pytest.raises(UserError) as caught:
        FoldRun(compose_config([*mine.overrides, "data=mine", *arguments]), tmp_path).run()
    assert words in str(caught.value)


def test_a_network_that_no_deterministic_algorithm_computes_is_one_sentence(mine, tmp_path):
    arguments = ["data=mine", "model=mine", "model._target_=mypkg.Put"]
    with pytest.raises(UserError, match=r"takes put_, which .* set trainer\.deterministic=warn"):
        FoldRun(compose_config([*mine.overrides, *arguments]), tmp_path / "run").run()

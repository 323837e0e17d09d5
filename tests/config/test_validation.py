"""What is refused before a run begins, as the command line says it."""

import subprocess
import sys

import pytest

from esc50.config.composition import compose_config
from esc50.errors import UserError
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["split.fold=-1"], ["split.fold=-1", "a whole number of at least 0, or all"]),
        (["batch_size=none"], ["batch_size=none", "whole number"]),
        (["features.n_mels=0"], ["features.n_mels=0", "a whole number from 1 to 4096"]),
        (["modle=resnet18"], ["modle is not a setting: did you mean model?"]),
        (["model.label_smoothing=0.1"], ["model.label_smoothing is now called label_smoothing"]),
        (["trainer.precision=fp16"], ["trainer.precision=fp16", "bf16-mixed"]),
        (["trainer.limit_train_batches=0"], ["trainer.limit_train_batches=0", "above 0"]),
        (
            ["data=csv", "data.table=x.csv", "data.sampler=balanced", "class_weights=balanced"],
            ["balance the classes twice"],
        ),
        (["name=../escape"], ["name=../escape"]),
        (["optimizer.lr=null"], ["optimizer.lr=null is invalid", "a number of at least 0"]),
        (["optimizer.lrr=0.1"], ["optimizer.lrr"]),
        (["data=esc51"], ["data/esc51", "esc10"]),
        (["augment=null"], ["augment=null", "none, online, published"]),
        (["~logger"], ["logger", "logger.tensorboard=null"]),
        (["model.stem_stride=[4]"], ["model.stem_stride=[4]", "2"]),
        (["model=vit_tiny", "+experiment=listed"], ["model.stem_stride is not a setting"]),
        (["model=random_forest"], ["optimizer=torch.optim.Adam", "set optimizer=none"]),
        (["model=svm", "+model.epochs=3", "optimizer=none"], ["model.epochs is not a setting"]),
        (["monitor=test/acc"], ["monitor=test/acc", "val/"]),
        (["+data.csv=clips.csv"], ["data.csv is not a setting"]),
        (["+foo=1"], ["foo is not a setting"]),
        (["optimizer.lr=${nope}"], ["optimizer.lr cannot be filled in", "'nope' not found"]),
        (["output_dir=${nope}"], ["hydra.run.dir cannot be filled in", "'nope' not found"]),
        (["name=${name}x"], ["name cannot be filled in", "Recursive"]),
        (["name=" + "x" * 300], ["error: xxx", "... is longer than the name", "name=... has 100"]),
        (["seed=null"], ["seed=null", "from 0 to 4294967295"]),
        (["optimizer.lr=.inf"], ["optimizer.lr=.inf"]),
        (["data=folder"], ["data.root"]),
        (["data=csv"], ["data.table has no value"]),
        (["data=csv", "data.table=x.csv", "data.columns.label=3"], ["data.columns.label=3"]),
        (["data=csv", "data.table=x.csv", "+data.columns.name=x"], ["data.columns.name is not"]),
        (["+data=urbansound8k", "data.folds=1"], ["data"]),
        (["+experiment=augmented", "augment.rate_min=2"], ["augment.rate_min=2"]),
        (["output_dir=/proc/nowhere"], ["/proc/nowhere", "cannot be written"]),
        (["+experiment=typo"], ["trainer.max_epoch", "did you mean trainer.max_epochs?"]),
    ],
)
def test_a_wrong_config_is_refused_before_torch_loads(arguments, words, tmp_path):
    if arguments[-1].startswith("+experiment="):
        recipes = {"typo": "trainer: {max_epoch: 3}", "listed": "model: {stem_stride: [4, 4]}"}
        (tmp_path / "mine" / "experiment").mkdir(parents=True)
        for name, recipe in recipes.items():
            path = tmp_path / "mine" / "experiment" / f"{name}.yaml"
            path.write_text(f"# @package _global_\n{recipe}\n")
        arguments = [f"--config-dir={tmp_path / 'mine'}", *arguments]
    code = "import runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, '.');\n"
    code += "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
    code += "finally:\n    print('TORCH' if 'torch' in sys.modules else 'no torch')"
    command = [sys.executable, "-c", code, str(REPOSITORY / "train.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode in (1, 2)
    assert "no torch" in done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ["callbacks.best.monitor=val/los"],
            "best.monitor=val/los is not .* one of val/",
        ),
        (
            ["callbacks.early_stopping.monitor=test/acc"],
            "test/acc chooses by the test",
        ),
        (["callbacks.best.monitor=1"], "callbacks.best.monitor=1 is not measured"),
        (["monitor=val/accuracy"], "monitor=val/accuracy is not .* one of val/loss, val/acc"),
        (["trainer.check_val_every_n_epoch=11"], "never validates in trainer.max_epochs=10"),
        (["scheduler=plateau", "split=literature"], "scheduler=plateau goes by monitor=val/loss"),
        (["callbacks.last=null", "split=literature"], "callbacks.last=null leaves no checkpoint"),
        (["callbacks.best=null", "callbacks.last=null"], "callbacks.last=null leaves no"),
        (["+trainer.fast_dev_run=true"], "fast_dev_run keeps no checkpoint .*debug=one_batch"),
        (["+trainer.max_steps=1"], "trainer.max_steps is not how long .* trainer.max_epochs"),
        (["+trainer.num_nodes=2"], "trainer.num_nodes is always 1"),
        (["+trainer.callbacks=[]"], "trainer.callbacks is set by the run itself"),
        (["name=a/b"], "name=a/b is invalid: it takes 1 to 100 characters, none of them /"),
        (["name='a\x9b1m'"], "none of them"),
        (["features.n_mels=2000"], "features.n_mels=2000 is more than features.n_fft=2048 has"),
        (["optimizer.lr=.inf"], "optimizer.lr=.inf is invalid"),
        (["split.fold=[1,2]"], "split.fold=.1, 2. is invalid"),
        (["data.workers=-1"], "data.workers=-1 is invalid"),
        (["+experiment=best", "augment=none"], r"\+experiment=best sets it, .*~augment.mix_until"),
        (
            ["+experiment=augmented", "+augment.foo=1"],
            "augment.foo is not a setting: nothing would",
        ),
        (["teachers=outputs"], "teachers=outputs is invalid: it takes a list of checkpoints or"),
        (["teachers=[gone]"], "teachers: there is no gone: name checkpoints"),
        (["teacher_weight=0.2"], "teacher_weight=0.2 counts for nothing without teachers"),
        (["+experiment=classical", "teachers=[conf]"], "teachers=.* says nothing to RandomForest"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_what_may_be(overrides, words):
    with pytest.raises(UserError, match=words):
        compose_config(overrides)


def test_validation_may_be_rarer_than_the_epochs_where_nothing_is_chosen():
    compose_config(["split=literature", "trainer.check_val_every_n_epoch=11"])

"""What is refused before a run begins, as the command line says it."""

import json
import subprocess
import sys

import pytest

from esc50.config.composition import compose_config
from esc50.errors import UserError
from tests.conftest import REPOSITORY

# Each command in a process of its own, which begins where all is imported that none can do without.
COMMANDS = """
import json, os, runpy, sys, traceback
import hydra.utils, numpy, pydantic
import esc50.config.canonical, esc50.config.validation, esc50.data.tables.windows
script, *_ = sys.argv[1:]
for line in sys.stdin:
    arguments, folder = json.loads(line)
    child = os.fork()
    if not child:
        status = 0
        os.chdir(folder)
        os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY), 2)
        os.dup2(2, 1)
        sys.argv = [script, *arguments]
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as error:
            status = error.code
            if isinstance(status, str):
                print(status, file=sys.stderr)
                status = 1
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(100 if "torch" in sys.modules else status or 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status, flush=True)
"""


@pytest.fixture(scope="module")
def commands():
    """Runs train.py in a folder: its exit status, whether torch was loaded, what it said."""
    command = [sys.executable, "-c", COMMANDS, str(REPOSITORY / "train.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:

        def run(arguments, folder):
            print(json.dumps([arguments, str(folder)]), file=process.stdin, flush=True)
            status = int(process.stdout.readline())
            return status, status == 100, (folder / "stderr").read_text()

        yield run
        process.stdin.close()


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
def test_a_wrong_config_is_refused_before_torch_loads(arguments, words, tmp_path, commands):
    if arguments[-1].startswith("+experiment="):
        recipes = {"typo": "trainer: {max_epoch: 3}", "listed": "model: {stem_stride: [4, 4]}"}
        (tmp_path / "mine" / "experiment").mkdir(parents=True)
        for name, recipe in recipes.items():
            path = tmp_path / "mine" / "experiment" / f"{name}.yaml"
            path.write_text(f"# @package _global_\n{recipe}\n")
        arguments = [f"--config-dir={tmp_path / 'mine'}", *arguments]
    status, torch_loaded, said = commands(arguments, tmp_path)
    assert status in (1, 2) and not torch_loaded
    assert "Traceback" not in said
    for word in words:
        assert word in said


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

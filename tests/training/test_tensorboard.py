"""What people see in TensorBoard, asked of the real server with its default loader."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import pytest
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from esc50.results.display.figures import confusion_figure
from esc50.training.fold import run_fold
from esc50.training.tensorboard import EventLogger, hyperparameters

EPOCHS = 3


@contextmanager
def served(folder):
    """A function that asks a TensorBoard of `folder`."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr.readline, "")
            port = next(m[1] for line in lines if (m := re.search(r"localhost:(\d+)", line)))

            def ask(path, body=None, **query):
                url = f"http://localhost:{port}/data/{path}?{urllib.parse.urlencode(query)}"
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)

            yield ask
        finally:
            process.terminate()


def points(ask, run, tag, seconds=30):
    """A curve's points, asked for until the server has read them all."""
    deadline, found = time.monotonic() + seconds, []
    while len(found) < EPOCHS and time.monotonic() < deadline:
        time.sleep(0.3)
        try:
            found = ask("plugin/scalars/scalars", run=run, tag=tag)
        except urllib.error.HTTPError:  # it has not read this curve yet
            continue
    return found


@pytest.mark.slow
def test_every_epoch_of_a_finished_run_is_a_point_of_its_curves(config, tmp_path):
    run_fold(config(f"trainer.max_epochs={EPOCHS}"), tmp_path / "logs" / "run")
    with served(tmp_path / "logs") as ask:
        for tag in ("val/loss", "val/acc", "train/loss", "train/acc", "lr-Adam"):
            assert len(points(ask, "run", tag)) == EPOCHS, tag
        wanted = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING"]}
        wanted |= {"colParams": [], "startIndex": 0, "sliceSize": 10}
        groups = ask("plugin/hparams/session_groups", wanted)["sessionGroups"]
        assert len(groups) == 1 and groups[0]["hparams"]["optimizer/lr"] == 1e-3
        assert groups[0]["hparams"]["leaky"] == "no" and groups[0]["hparams"]["sound"] == "recorded"
        metrics = {value["name"]["tag"] for value in groups[0]["metricValues"]}
        assert {"hp/test/acc", "hp/val/loss"} <= metrics


def test_a_run_leaves_one_file_with_pictures_sounds_and_classes(config, tmp_path):
    settings = ["trainer.max_epochs=1", "optimizer.lr=0.0", "callbacks.images.n_mistakes=2"]
    results = run_fold(config(*settings, "augment=online"), tmp_path / "run")
    (file,) = (tmp_path / "run").glob("events.out.tfevents.*")
    events = EventAccumulator(str(file), {"audio": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert {"input", "test/confusion"} <= set(tags["images"])
    assert len(tags["audio"]) == 2 and all("taken for tone" in tag for tag in tags["audio"])
    by_class = [f"test_acc_by_class/tone{number}" for number in range(5)]
    found = [events.Scalars(tag)[0].value for tag in by_class]
    assert sum(found) / 5 == pytest.approx(results["test/acc"])  # two clips a class
    assert {f"test_pr/tone{number}" for number in range(5)} <= set(tags["tensors"])
    sound = events.Audio(tags["audio"][0])[0]
    assert sound.sample_rate == 22_050 and sound.length_frames == 11_025


def scalars(folder):
    """The curves of a folder's event files together, as TensorBoard reads them."""
    events = EventAccumulator(str(folder), {"scalars": 0})
    events.Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def test_steps_that_are_made_again_are_no_second_points(tmp_path):
    for goes_on, steps in ((False, (0, 1, 2, 3)), (True, (2, 3, 4))):
        logger = EventLogger(tmp_path, name="", version="", goes_on=goes_on)
        assert logger.experiment  # as a callback may, before the first number
        for step in steps:
            logger.log_metrics({"train/loss": step + 0.5 * goes_on}, step)
        logger.close()
    points = scalars(tmp_path)["train/loss"]
    assert [(one.step, one.value) for one in points] == [
        (0, 0),
        (1, 1),
        (2, 2.5),
        (3, 3.5),
        (4, 4.5),
    ]


def test_every_number_of_a_leaky_run_says_so(config, tmp_path, monkeypatch):
    titles = []

    def watch(counts, classes, title):
        titles.append(title)
        return confusion_figure(counts, classes, title)

    monkeypatch.setattr("esc50.training.tensorboard.confusion_figure", watch)
    run_fold(config("trainer.max_epochs=1"), tmp_path / "honest")
    leaky = run_fold(config("+experiment=published", "trainer.max_epochs=1"), tmp_path / "leaky")
    assert titles == ["10 tests", f"{leaky['n_test']} tests (LEAKY)"]
    honest, marked = scalars(tmp_path / "honest"), scalars(tmp_path / "leaky")
    finals = {"hp/test/acc", "hp/test/f1_macro", "hp/test/loss", "hp/val/loss"}
    assert {tag for tag in honest if tag.startswith("hp/")} == finals
    numbers = {tag for tag in honest if re.match("(hp/)?(val|test)/", tag)}
    assert {"val/acc", "test/acc"} < numbers
    assert not numbers & marked.keys() and {f"LEAKY/{tag}" for tag in numbers} <= marked.keys()
    assert "train/loss" in marked.keys() & honest.keys()


def test_hparams_hold_what_matters(config):
    plain = OmegaConf.to_container(
        config(
            "optimizer=sgd",
            "seed=7",
            "data.workers=3",
            "model.stem_stride=[2,4]",
            "optimizer.nesterov=false",
        ),
        resolve=True,
    )
    found = hyperparameters(plain)
    assert found["optimizer"] == "SGD" and found["seed"] == 7 and found["split/fold"] == 1
    assert found["optimizer/momentum"] == 0.9 and found["features/n_mels"] == 32
    assert found["model/stem_stride"] == "[2,4]" and found["optimizer/nesterov"] == "false"
    assert not {"data/workers", "data/root", "trainer/precision", "trainer/devices"} & set(found)

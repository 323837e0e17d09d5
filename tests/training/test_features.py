"""Every choice of conf/features/, from the sound to a prediction by the checkpoint alone."""

import csv
import re

import numpy as np
import pytest
from omegaconf import OmegaConf

from esc50.audio.front_ends.front_end import make_front_end
from esc50.config.choices import CONF
from esc50.deploy.export.portable import PortableModel
from esc50.deploy.export.runtimes import run_onnx, run_torch, save_torch, to_int8, to_onnx, to_torch
from esc50.deploy.predictor import load
from esc50.report.at_end import report_at_end
from esc50.training.fold import run_fold
from tests.conftest import REPOSITORY
from tests.model.hub_folders import make_hearer

# Each choice at the size of the tiny set: half a second at 8 kHz.
CLIP = "seconds=0.5 hop_length=64 width=16 frames=63 sample_rate=8000".split()
MEL = [*CLIP, "n_fft=256", "n_mels=32"]
CHOICES = {
    "logmel64_16k": [*MEL, "fmax=4000.0", "height=16"],
    "logmel64_22k": [*MEL, "height=16"],
    "logmel64_32k": [*MEL, "fmax=4000.0", "height=16"],
    "logmel128_48k": [*MEL, "height=16"],
    "logmel128_deltas": [*MEL, "height=16", "delta_width=5"],
    "mfcc": [*MEL, "n_mfcc=20", "height=20", "lifter=22.0"],
    "pcen": [*MEL, "height=16"],
    "linear": [*CLIP, "n_fft=256", "height=32"],
    "cqt": [*CLIP, "fmin=100.0", "n_bins=48", "height=24"],
}
QUICK = "logmel128_deltas"


def settings(choice, *others):
    given = [f"features.{word}" for word in CHOICES[choice]]
    augment = "none" if choice == "cqt" else "online"
    return [f"features={choice}", *given, f"augment={augment}", *others]


@pytest.fixture
def large(config):
    """A config whose overrides of features replace the small ones of the fixture `config`."""

    return lambda choice, *others: with_features(config(*others), settings(choice))


def with_features(cfg, overrides):
    own = OmegaConf.create(compose_features(overrides))
    OmegaConf.set_struct(cfg, False)
    cfg.features, cfg.augment = own.features, own.augment
    return cfg


def compose_features(overrides):
    from esc50.config.composition import compose_plain

    plain = compose_plain(overrides)
    return {"features": plain["features"], "augment": plain["augment"]}


@pytest.mark.parametrize(
    "choice", [c if c == QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CHOICES]
)
def test_it_trains_and_its_checkpoint_predicts_the_same(large, tmp_path, tiny, choice):
    results = run_fold(large(choice, "trainer.max_epochs=1"), tmp_path / "run")
    assert results["n_test"] == 10 and np.isfinite(results["test/loss"])
    with (tmp_path / "run" / "predictions.csv").open() as file:
        _, *rows = csv.reader(file)
    model = load(tmp_path / "run", device="cpu")
    made = model.predict([tiny / "audio" / row[0] for row in rows])
    answers = [[f"{p:.8g}" for p in one.probabilities.tolist()] for one in made]
    assert answers == [row[-5:] for row in rows]


@pytest.mark.parametrize("train", ["head", pytest.param("all", marks=pytest.mark.slow)])
def test_a_network_that_hears_samples_trains_and_its_report_shows_log_mels(
    config, tmp_path, tiny, train
):
    make_hearer(tmp_path / "tiny-hearer")
    weights = f"model.weights={tmp_path / 'tiny-hearer'}"
    scale = ["input_mean=0.0", "input_std=1.0", f"model.train={train}", "trainer.max_epochs=1"]
    cfg = config("model=wav2vec2", weights, *scale)
    heard = with_features(cfg, ["features=waveform", "features.seconds=0.5", "augment=none"])
    folder = tmp_path / "outputs" / "run"
    run_fold(heard, folder)
    report_at_end(folder)
    page = (folder / "report.html").read_text()
    assert "Log-mel of " in page and "Saliency of the answer" in page
    assert "not at hand" not in page
    rows = (folder / "predictions.csv").read_text().splitlines()[1:3]
    model = load(folder, device="cpu")
    for row in (row.split(",") for row in rows):
        answer = model.predict(tiny / "audio" / row[0]).probabilities
        np.testing.assert_allclose(answer, [float(p) for p in row[-5:]], atol=1e-3)  # of a batch


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["logmel128_deltas", "mfcc", "pcen", "linear", "cqt"])
def test_it_is_exported_and_reported(large, tmp_path, choice):
    pytest.importorskip("onnxscript")
    folder = tmp_path / "outputs" / "run"
    run_fold(large(choice, "trainer.max_epochs=1"), folder)
    report_at_end(folder)
    title = load(folder, device="cpu").front_end.spec.title
    page = (folder / "report.html").read_text()
    assert title[1:] in page and "not at hand" not in page
    members = load(folder, device="cpu").members
    portable, rng = PortableModel(members), np.random.default_rng(0)
    spec = members[0].spec
    waveforms = rng.normal(0, 0.1, (3, spec.n_samples)).astype(np.float32)
    pictures = make_front_end(spec).features(as_tensor(waveforms))
    expected = members[0].network(members[0].scale(pictures)).softmax(1).numpy()
    file = to_onnx(portable, spec.n_samples)
    np.testing.assert_allclose(run_onnx(file)(waveforms), expected, atol=1e-3)
    program = run_torch(save_torch(to_torch(portable), {}))
    np.testing.assert_allclose(program(waveforms), expected, atol=1e-3)
    small = run_onnx(to_int8(file, [waveforms]))(waveforms)
    assert np.abs(small - expected).max() < 0.2


def as_tensor(array):
    import torch

    return torch.from_numpy(array)


def test_the_guide_names_every_choice():
    page = (REPOSITORY / "docs" / "how-to" / "choose-features.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    commands = set(re.findall(r"features=([\w,]+)", page.partition("```bash")[2]))
    classical = "mfcc_zcr"  # which no network of pictures takes
    assert table == CHOICES.keys() | {"logmel128", classical}
    assert {each for names in commands for each in names.split(",")} <= table
    # With their networks: tests/audio/front_ends/test_pretrained.py.
    pretrained = {"ast", "beats", "panns", "clap", "waveform", "whisper"}
    files = {path.stem for path in (CONF / "features").glob("*.yaml")}
    assert files == table | pretrained and all(f"`{name}`" in page for name in pretrained)

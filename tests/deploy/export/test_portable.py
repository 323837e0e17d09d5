import pytest
import torch

from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec
from esc50.deploy.export.portable import PortableModel, make_portable
from esc50.model.trained import load_trained
from tests.audio.front_ends.test_front_end import SMALL
from tests.deploy.small import FEATURES, small_model


def sounds(spec):
    """A tone, a burst in silence, silence, noise."""
    time = torch.arange(spec.n_samples) / spec.sample_rate
    tone, noise = 0.3 * torch.sin(2 * torch.pi * 440 * time), 0.1 * torch.randn(spec.n_samples)
    burst = torch.where((time > 0.1) & (time < 0.2), noise, 0.0)
    return torch.stack([tone, burst, torch.zeros_like(tone), noise])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"standardise": "fixed", "repeat_below": 60.0},
        {"standardise": "minmax", "height": 20},
        {"n_fft": 250, "hop_length": 100, "frames": 30},
    ],
    ids=str,
)
def test_its_pictures_are_those_of_the_front_end(changes):
    spec = FeatureSpec(**{**FEATURES, **changes})
    waveforms = sounds(spec)
    picture = make_portable(LogMel(spec)).features(waveforms)
    assert (picture - LogMel(spec).features(waveforms)).abs().max() < 1e-4


@pytest.mark.parametrize("kind", SMALL)
def test_its_pictures_are_those_of_a_front_end_of_any_kind(kind):
    spec = SMALL[kind]
    waveforms = sounds(spec)
    picture = make_portable(make_front_end(spec)).features(waveforms)
    assert picture.shape == (4, *spec.shape)
    assert (picture - make_front_end(spec).features(waveforms)).abs().max() < 2e-3


def test_of_real_sound_too(esc10):
    spec = FeatureSpec(standardise="fixed", repeat_below=60.0)
    paths = sorted((esc10 / "audio").iterdir())[::100]
    waveforms = torch.stack([torch.from_numpy(read_clip(p, 44100, 220500)) for p in paths])
    difference = make_portable(LogMel(spec)).features(waveforms) - LogMel(spec).features(waveforms)
    assert difference.abs().max() < 1e-5


def test_its_probabilities_are_those_of_the_checkpoint(tiny_run):
    model = load_trained(tiny_run / "checkpoints" / "best.ckpt")
    waveforms = sounds(model.spec)
    expected = model.network(model.scale(LogMel(model.spec).features(waveforms))).softmax(1)
    with torch.no_grad():
        assert (PortableModel([model])(waveforms) - expected).abs().max() < 1e-5


def test_an_ensemble_is_the_mean_of_its_members():
    models = [small_model(1), small_model(2, input_mean=0.4)]
    waveforms = sounds(models[0].spec)
    members = [PortableModel([model])(waveforms) for model in models]
    assert (members[0] - members[1]).abs().max() > 0.01
    torch.testing.assert_close(PortableModel(models)(waveforms), (members[0] + members[1]) / 2)

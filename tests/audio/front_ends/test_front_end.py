import librosa
import numpy as np
import pytest
import torch

from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.front_end import BandedFrontEnd, make_front_end
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.kinds import CqtSpec, DeltaSpec, LinearSpec, MfccSpec, PcenSpec
from esc50.audio.spec import FeatureSpec
from tests.audio.made_sound import made_sound

CLIP = {"sample_rate": 8000, "seconds": 0.5, "hop_length": 64, "frames": 63, "width": 32}
SMALL = {
    "logmel": FeatureSpec(n_fft=256, n_mels=32, height=32, **CLIP),
    "deltas": DeltaSpec(n_fft=256, n_mels=32, height=32, **CLIP),
    "mfcc": MfccSpec(n_fft=256, n_mels=32, n_mfcc=20, height=20, **CLIP),
    "pcen": PcenSpec(n_fft=256, n_mels=32, height=32, **CLIP),
    "linear": LinearSpec(n_fft=256, height=32, **CLIP),
    "cqt": CqtSpec(fmin=100.0, n_bins=48, height=32, **CLIP),
}


@pytest.mark.parametrize("kind", SMALL)
def test_pictures_have_the_shape_that_is_said_and_silence_is_nothing(kind):
    spec = SMALL[kind]
    front_end = make_front_end(spec)
    clips = torch.stack([torch.zeros(4000), torch.from_numpy(made_sound(8000, 0.5))])
    pictures = front_end.features(clips)
    assert pictures.shape == (2, *spec.shape) and torch.isfinite(pictures).all()
    assert not pictures[0].any() and pictures[1].std() > 0.1
    torch.testing.assert_close(front_end.features(clips[1]), pictures[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", SMALL)
def test_a_picture_is_standardised_as_its_spec_says(kind):
    sound = torch.from_numpy(made_sound(8000, 0.5))
    for standardise in ("clip", "row", "minmax"):
        whole = {"height": SMALL[kind].n_rows, "width": 63, "standardise": standardise}
        picture = make_front_end(SMALL[kind].model_copy(update=whole)).features(sound)
        over = (-1,) if standardise == "row" else (-2, -1)
        if standardise == "minmax":
            assert picture.amin(over).abs().max() < 1e-5
            torch.testing.assert_close(picture.amax(over), torch.ones(len(picture)))
            continue
        assert picture.mean(over).abs().max() < 1e-4
        spread = picture.std(over, correction=0)
        assert ((spread - 1).abs() < 1e-3).float().mean() > 0.9  # rows may be without any sound


def test_a_linear_spectrogram_is_librosas(esc10):
    front_end = make_front_end(LinearSpec(n_fft=1024, height=64, fmin=500.0, fmax=12000.0))
    assert type(front_end) is BandedFrontEnd
    path = sorted((esc10 / "audio").glob("*.ogg"))[7]
    for clip in (made_sound(), read_clip(path, 44100, 220500)):
        power = np.abs(librosa.stft(clip, n_fft=1024, hop_length=512, pad_mode="constant")) ** 2
        hertz = librosa.fft_frequencies(sr=44100, n_fft=1024)
        kept = power[(hertz >= 500) & (hertz <= 12000)]
        db = librosa.power_to_db(kept, ref=np.max)
        ours = front_end.cells(front_end.rows(torch.from_numpy(clip)))[0].numpy()
        np.testing.assert_allclose(ours, db, atol=0.02)


def test_silence_is_filled_whatever_the_kind():
    clip = torch.zeros(4000)
    clip[1000:1500] = torch.from_numpy(made_sound(8000, 0.5))[1000:1500]
    for spec in SMALL.values():
        front_end = make_front_end(spec.model_copy(update={"repeat_below": 60.0}))
        filled = front_end.repeat(clip)
        assert (filled.abs() > 0).float().mean() > 2 * (clip.abs() > 0).float().mean()
        plain = make_front_end(spec)
        assert torch.equal(front_end.features(clip), plain.features(filled))


def test_the_front_end_of_the_default_is_the_log_mel():
    assert type(make_front_end(FeatureSpec())) is LogMel

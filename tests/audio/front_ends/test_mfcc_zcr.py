import librosa
import numpy as np
import pytest
import torch

from esc50.audio.front_ends.mfcc_zcr import MfccZcr
from esc50.audio.kinds import MfccZcrSpec
from esc50.errors import UserError

SPEC = MfccZcrSpec(sample_rate=22050, seconds=1.3)


@pytest.fixture(scope="module")
def sounds():
    """A tone in noise, a click in digital silence, silence, a burst that ends within the clip."""
    rng = np.random.default_rng(0)
    time = np.arange(SPEC.n_samples) / SPEC.sample_rate
    sounds = np.zeros((4, SPEC.n_samples), np.float32)
    sounds[0] = 0.2 * np.sin(2 * np.pi * 700 * time) + 0.05 * rng.standard_normal(len(time))
    sounds[1, 9000:9010] = 0.9
    sounds[3, :7000] = 0.3 * rng.standard_normal(7000)
    return sounds


def test_its_rows_are_librosas(sounds):
    pictures = MfccZcr(SPEC).features(torch.from_numpy(sounds)).numpy()
    assert pictures.shape == (4, *SPEC.shape) == (4, 1, 13, SPEC.n_frames)
    for sound, picture in zip(sounds, pictures[:, 0], strict=True):
        mfcc = librosa.feature.mfcc(y=sound, sr=22050, n_mfcc=13, n_fft=2048, hop_length=512)
        np.testing.assert_allclose(picture[:12], mfcc[1:], atol=0.02)
        zcr = librosa.feature.zero_crossing_rate(sound, frame_length=2048, hop_length=512)
        np.testing.assert_allclose(picture[12], zcr[0], atol=1e-7)


def test_one_clip_gives_what_it_gives_among_others(sounds):
    front_end = MfccZcr(SPEC)
    together = front_end.features(torch.from_numpy(sounds))
    assert torch.equal(front_end.features(torch.from_numpy(sounds[3])), together[3])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"width": 64}, "features.width is not a setting of MFCC and zero-crossing rate"),
        ({"n_mfcc": 128}, "features.n_mfcc=129 is more than features.n_mels=128"),
        ({"n_mfcc": "many"}, "features.n_mfcc=many is invalid"),
        ({"hop_length": 0}, "features.hop_length=0 is invalid"),
        ({"hop_length": 4096}, "features.hop_length=4096 skips samples"),
        ({"standardise": "row"}, "features.standardise=row is invalid: it takes none"),
    ],
)
def test_what_it_cannot_be_is_refused(keys, words):
    with pytest.raises(UserError, match=words):
        MfccZcrSpec.parse("features", keys)

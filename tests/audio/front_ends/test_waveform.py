import numpy as np
import pytest
import torch

from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.kinds import WaveformSpec


def test_standardised_samples_are_those_of_the_extractor():
    transformers = pytest.importorskip("transformers")
    sound = np.random.default_rng(0).normal(0.05, 0.2, 80000).astype(np.float32)
    ours = make_front_end(WaveformSpec()).features(torch.from_numpy(np.stack([sound, sound / 9])))
    extract = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    theirs = extract(sound, sampling_rate=16000, return_tensors="np").input_values
    assert ours.shape == (2, 1, 1, 80000)
    np.testing.assert_allclose(ours[0, 0], theirs, atol=1e-6)


def test_others_are_as_they_are_and_silence_is_no_number_divided_by_nothing():
    sound = torch.randn(2, 80000)
    made = make_front_end(WaveformSpec(standardise=None)).features(sound)
    assert torch.equal(made[:, 0, 0], sound)
    assert not make_front_end(WaveformSpec()).features(torch.zeros(80000)).any()

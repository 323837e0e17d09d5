import librosa
import numpy as np
import pytest
import torch

from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.kinds import CqtSpec
from tests.audio.made_sound import made_sound


def transformed(clip, spec):
    front_end = make_front_end(spec)
    ours = front_end.rows(torch.from_numpy(clip)).sqrt().numpy()
    theirs = librosa.cqt(
        clip, sr=spec.sample_rate, hop_length=spec.hop_length, fmin=spec.fmin, n_bins=spec.n_bins,
        bins_per_octave=spec.bins_per_octave, tuning=0.0, sparsity=0.0,
    )  # fmt: skip
    return ours, np.abs(theirs)


def test_an_octave_is_librosas():
    """The highest octave is what librosa computes without resampling."""
    spec = CqtSpec(fmin=8372.0, n_bins=12, height=12, seconds=1.0, frames=128)
    ours, theirs = transformed(made_sound(seconds=1.0), spec)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * theirs.max())


@pytest.mark.parametrize("bins_per_octave", [12, 24])
def test_all_octaves_are_librosas_but_for_its_resampling(esc10, bins_per_octave):
    spec = CqtSpec(bins_per_octave=bins_per_octave, height=64)
    path = sorted((esc10 / "audio").glob("*.ogg"))[5]
    ours, theirs = transformed(read_clip(path, 44100, 220500), spec)
    ours, theirs = (librosa.amplitude_to_db(x, ref=np.max, top_db=80) for x in (ours, theirs))
    difference = np.abs(ours - theirs)
    print(f"median {np.median(difference):.2f} dB, mean {difference.mean():.2f} dB")
    assert np.median(difference) < 0.3 and difference.mean() < 0.5
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.995


def test_a_tone_is_loudest_in_its_own_row():
    spec = CqtSpec(seconds=1.0, frames=87, width=64)
    front_end = make_front_end(spec)
    time = np.arange(44100) / 44100
    for row in (3, 40, 90):
        tone = np.sin(2 * np.pi * spec.frequencies[row] * time).astype(np.float32)
        power = front_end.rows(torch.from_numpy(tone))[:, 30:-30].mean(1)
        assert int(power.argmax()) == row
        assert power[row] > 3 * power[row - 2] and power[row] > 3 * power[row + 2]

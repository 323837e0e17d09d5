"""Changes of features of every kind: what `test_augment` says of log-mels, and more."""

import librosa
import numpy as np
import pytest
import torch

from esc50.audio.front_ends.front_end import make_front_end
from esc50.errors import UserError
from tests.audio.front_ends import test_front_end as small
from tests.audio.made_sound import made_sound
from tests.audio.pictures import make, sampled

KINDS = {name: spec for name, spec in small.SMALL.items() if name != "cqt"}


def changed(spec, waveforms, **columns):
    """Pictures of sounds, changed as the columns say."""
    parts = [*map(make_front_end(spec), waveforms)]
    clean, magnitude, peak = map(torch.stack, zip(*parts, strict=True))
    return make("online", spec).render(magnitude, peak, clean, sampled(len(waveforms), **columns))


def sounds():
    glide = torch.from_numpy(made_sound(8000, 0.5))
    return [glide, 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_every_kind_are_left_as_they_are_where_nothing_changes(kind):
    spec = KINDS[kind]
    clean = torch.stack([*map(make_front_end(spec).features, sounds())])
    assert torch.equal(changed(spec, sounds()), clean)


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_every_kind_follow_the_sound_in_time(kind):
    """Rotated by whole frames: the pictures are those of the rotated sound."""
    spec = KINDS[kind]
    if kind == "pcen":  # whose gain would begin elsewhere
        spec = spec.model_copy(update={"time_constant": 0.01})
    shift = 21 / spec.n_frames
    rotated = [torch.roll(sound, -21 * spec.hop_length) for sound in sounds()]
    theirs = torch.stack([*map(make_front_end(spec).features, rotated)])
    ours = changed(spec, sounds(), shift=shift)
    for one, other in zip(ours, theirs, strict=True):
        correlation = np.corrcoef(one[..., 1:].flatten(), other[..., 1:].flatten())[0, 1]
        assert correlation > 0.9, kind


def test_deltas_and_coefficients_are_made_of_the_augmented_log_mel():
    columns = {"rate": 0.8, "pitch": 2, "noise_std": 0.01, "noise_at": 0.3, "gain_db": 3.0}
    size = {"height": 32, "width": 63, "standardise": "minmax"}
    log_mel = changed(small.SMALL["logmel"].model_copy(update=size), sounds(), **columns)
    deltas = changed(small.SMALL["deltas"].model_copy(update=size), sounds(), **columns)
    assert torch.equal(deltas[:, :1], log_mel) and deltas.shape[1] == 3
    for one in range(2):
        picture = log_mel[one, 0].numpy()
        for order in (1, 2):  # of a picture that is scaled, the scaled delta
            theirs = librosa.feature.delta(picture, order=order)
            theirs = (theirs - theirs.min()) / (theirs.max() - theirs.min())
            np.testing.assert_allclose(deltas[one, order], theirs, atol=1e-3)
        scaled = {"height": 20, "width": 63, "standardise": "row"}
        cepstrum = changed(small.SMALL["mfcc"].model_copy(update=scaled), sounds(), **columns)
        theirs = librosa.feature.mfcc(S=picture, n_mfcc=20)
        theirs = (theirs - theirs.mean(1, keepdims=True)) / theirs.std(1, keepdims=True)
        np.testing.assert_allclose(cepstrum[one, 0], theirs, atol=1e-2)


@pytest.mark.parametrize("steps", [-4, -1, 3])
def test_a_tone_moves_to_its_new_frequency_on_a_linear_spectrogram(steps):
    spec = small.SMALL["linear"].model_copy(update={"height": 129, "width": 63})
    grid = make("online", spec).recipe.grid
    ratio = 2 ** (grid[steps + len(grid) // 2] / 12)
    time, noise = torch.arange(4000) / 8000, sounds()[1]
    tone, moved = (noise + torch.sin(2 * torch.pi * f * time) for f in (1000, 1000 * ratio))
    ours = changed(spec, [tone], pitch=steps)[0, 0].mean(1)
    theirs = make_front_end(spec).features(moved)[0].mean(1)
    assert abs(int(ours.argmax()) - int(theirs.argmax())) <= 1
    below = slice(0, round(128 * min(1, ratio)))  # above is nothing but silence once it is lower
    assert np.corrcoef(ours[below], theirs[below])[0, 1] > 0.9


def test_what_it_cannot_follow_is_refused():
    for kind in ("online", "published"):
        with pytest.raises(UserError, match="a constant-Q transform is not made of"):
            make(kind, small.SMALL["cqt"])
    assert make("none", small.SMALL["cqt"]).recipe.online is False

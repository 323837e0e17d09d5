import itertools

import librosa
import numpy as np
import pytest
import torch

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams, make_recipe
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec
from tests.audio.pictures import WHOLE, analysed, make, read, sampled

CHANGES = {
    "slower": (lambda y: librosa.effects.time_stretch(y, rate=0.8), {"rate": 0.8}),
    "faster": (lambda y: librosa.effects.time_stretch(y, rate=1.2), {"rate": 1.2}),
    "lower": (lambda y: librosa.effects.pitch_shift(y, sr=44100, n_steps=-2), {"pitch": -2}),
    "higher": (lambda y: librosa.effects.pitch_shift(y, sr=44100, n_steps=2), {"pitch": 2}),
}


@pytest.fixture(scope="module")
def noise_clips():
    """Eight clips of noise with a rhythm, each in its own band of frequencies."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(8, 220500, generator=generator)
    rhythm = torch.sin(torch.arange(220500) / 44100 * torch.arange(3, 11)[:, None]).square()
    smooth = torch.nn.functional.avg_pool1d(noise, 9, stride=1, padding=4)
    return list(0.1 * rhythm * torch.cat([noise[:4], smooth[4:]]))


def correlations(change, waveforms):
    on_waveform, columns = CHANGES[change]
    by_librosa = [on_waveform(waveform.numpy()) for waveform in waveforms]
    theirs = [
        LogMel(WHOLE).features(torch.from_numpy(librosa.util.fix_length(y, size=220500)))
        for y in by_librosa
    ]
    ours = make("published").render(*analysed(waveforms), sampled(len(waveforms), **columns))
    pairs = zip(ours, theirs, strict=True)
    return np.array([np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in pairs])


def assert_close_to_librosa(change, found):
    least, median = found.min(), np.median(found)
    print(f"{change}: least {least:.3f}, 5% {np.quantile(found, 0.05):.3f}, median {median:.3f}")
    assert least >= 0.88
    assert (found >= 0.95).mean() >= 0.95
    assert median >= 0.97


@pytest.mark.parametrize("change", CHANGES)
def test_stretch_and_pitch_are_librosas_on_the_waveform(change, clips):
    assert_close_to_librosa(change, correlations(change, clips))


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_stretch_and_pitch_are_librosas_on_sixty_clips(change, esc10):
    assert_close_to_librosa(change, correlations(change, read(esc10, 60)))


def test_neutral_params_change_nothing(noise_clips):
    inputs = analysed(noise_clips, FeatureSpec())
    for kind in ("published", "online"):
        pictures = make(kind, FeatureSpec()).render(*inputs, AugmentParams.neutral(8))
        assert torch.equal(pictures, inputs[2])


def test_almost_neutral_params_change_almost_nothing(noise_clips):
    inputs = analysed(noise_clips)
    changed = make("published").render(*inputs, sampled(8, gain_db=1e-3))
    assert not torch.equal(changed, inputs[2])
    assert 21 * (changed - inputs[2]).square().mean().sqrt() < 0.5  # dB


def test_a_faster_clip_ends_in_silence_and_a_slower_one_is_cut(noise_clips):
    inputs = analysed(noise_clips)
    faster = make("published").render(*inputs, sampled(8, rate=1.25))
    end = int(430 / 1.25) + 1
    assert (faster[..., end:] == faster.amin((1, 2, 3), keepdim=True)).all()
    assert (faster[..., end - 5 : end].mean((1, 2, 3)) > faster.amin((1, 2, 3)) + 0.5).all()
    slower = make("published").render(*inputs, sampled(8, rate=0.8))
    assert (slower[..., -5:].mean((1, 2, 3)) > slower.amin((1, 2, 3)) + 0.5).all()


def test_squeezed_stretch_fills_the_picture_whatever_the_rate(noise_clips):
    spec = FeatureSpec()
    inputs = analysed(noise_clips, spec)
    squeeze = make("published", spec, squeeze_stretch=True)
    faster, slower = (squeeze.render(*inputs, sampled(8, rate=rate)) for rate in (1.2, 0.8))
    assert torch.equal(faster, slower)
    assert faster[..., -1].std() > 0.5 and not inputs[2][..., -1].any()


def test_shift_rotates(noise_clips):
    inputs = analysed(noise_clips)
    online = make("online")
    turned = online.render(*inputs, sampled(8, shift=100 / 431))
    still = online.render(*inputs, sampled(8, gain_db=1e-3))
    torch.testing.assert_close(turned.roll(100, -1)[..., 1:], still[..., 1:], atol=1e-3, rtol=0)


def test_gain_is_heard_against_noise_only(noise_clips):
    inputs = analysed(noise_clips)
    online = make("online")
    levels = [online.render(*inputs, sampled(8, gain_db=gain)) for gain in (-6.0, 6.0)]
    torch.testing.assert_close(levels[0], levels[1], atol=1e-3, rtol=0)
    noisy = [sampled(8, gain_db=gain, noise_std=0.01) for gain in (-6.0, 6.0)]
    levels = [online.render(*inputs, params) for params in noisy]
    assert (levels[0].mean((1, 2, 3)) > levels[1].mean((1, 2, 3))).all()


def test_eq_is_a_gain_by_mel_row(noise_clips):
    inputs = analysed(noise_clips[:4])
    knots = np.array([-6.0, 0, 6, 0, -6], np.float32)
    online = make("online")
    flat = online.render(*inputs, sampled(4, gain_db=1e-3))
    equalised = online.render(*inputs, sampled(4, eq_db=knots))
    expected = np.interp(np.linspace(0, 4, 128), np.arange(5), knots)
    found = 21 * (equalised - flat).median(-1).values.mean((0, 1))
    found += expected[64] - found[64]  # pictures are relative to their loudest cell
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_masks_hide_rows_and_columns_and_nothing_else(noise_clips):
    inputs = analysed(noise_clips, FeatureSpec())
    params = sampled(8, freq_mask=0.25, freq_mask_at=0.0, time_mask=0.125, time_mask_at=1.0)
    masked = make("online", FeatureSpec()).render(*inputs, params)
    assert not masked[:, :, :32].any() and not masked[..., -16:].any()
    assert torch.equal(masked[:, :, 32:, :-16], inputs[2][:, :, 32:, :-16])


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16])
def test_pictures_come_in_the_precision_that_the_network_is_trained_in(noise_clips, precision):
    inputs, augment = analysed(noise_clips, FeatureSpec()), make("online", FeatureSpec())
    params = augment.recipe.sample_params(8, np.random.default_rng(0))
    inputs = [part.to(precision) for part in inputs]
    usual = augment.apply_params(*(part.float() for part in inputs), params)[0]
    other = augment.apply_params(*inputs, params)[0]
    assert other.dtype == precision
    torch.testing.assert_close(other, usual.to(precision), rtol=1e-6, atol=1e-6)


def test_mixing_adds_amplitudes_after_equal_levels():
    """Two clips in opposite halves of time: the mixture shows each at its weight's level."""
    first, second = torch.zeros(2, 220500)
    tone = torch.sin(torch.arange(88200) * 0.3)
    first[22050:88200] = 0.5 * tone[:66150]
    second[132300:198450] = 0.002 * tone[:66150]
    weight = 0.7
    params = sampled(2, mix_weight=np.array([weight, 1.0], np.float32))
    x, partner, weights = make("online").apply_params(*analysed([first, second]), params)
    assert partner.tolist() == [1, 0]
    np.testing.assert_allclose(weights, [weight, 1.0])
    loudest = 21 * x[0, 0].amax(0)
    apart = loudest[60:160].median() - loudest[280:370].median()
    assert abs(apart - 20 * np.log10(weight / (1 - weight))) < 0.1


def test_silence_is_neither_mixed_nor_made_nan():
    waveforms = [torch.zeros(220500), 0.1 * torch.randn(220500)]
    for kind in ("clip", "minmax", "fixed"):
        spec = WHOLE.model_copy(update={"standardise": kind})
        params = make("online").recipe.sample_params(2, np.random.default_rng(1))
        params.mix_weight[:], params.rate[:] = 0.5, 1.1
        x, _, weights = make("online", spec).apply_params(*analysed(waveforms, spec), params)
        assert torch.isfinite(x).all()
        assert weights.tolist() == [1, 1]


def test_minmax_copies_lie_between_0_and_1(noise_clips):
    spec = FeatureSpec()
    params = sampled(8, pitch=np.arange(8) % 5 - 2)
    x = make("published", spec, copy_scaling="minmax").render(*analysed(noise_clips, spec), params)
    assert x.min() >= 0 and x.max() <= 1 and (x.amax((1, 2, 3)) > 0.7).all()


def test_a_clips_picture_does_not_depend_on_its_batch(noise_clips):
    spec = FeatureSpec()
    online = make("online", spec, mix_prob=0.0)
    inputs = analysed(noise_clips, spec)
    params = online.recipe.sample_params(8, np.random.default_rng(0))
    together = online.render(*inputs, params)
    order = np.array([5, 2, 7])
    some = online.render(*(part[order] for part in inputs), params[order])
    torch.testing.assert_close(together[order], some, atol=1e-5, rtol=0)
    for _ in range(2):
        assert torch.equal(online.render(*inputs, params), together)


CHANGED = {  # each transform by itself: columns of the parameters where it is applied
    "stretch": {"rate": 1.1},
    "pitch": {"pitch": 1},
    "shift": {"shift": 0.3},
    "gain": {"gain_db": 3.0},
    "eq": {"eq_db": [3.0, 0, -3, 0, 3]},
    "noise": {"noise_std": 0.01, "noise_at": 0.5},
    "freq_mask": {"freq_mask": 0.25, "freq_mask_at": 0.5},
    "time_mask": {"time_mask": 0.25, "time_mask_at": 0.5},
    "mix": {"mix_weight": 0.6, "partner": 0.3},
}
SMALL = FeatureSpec(
    sample_rate=8000, seconds=0.5, n_fft=256, hop_length=64, n_mels=32, frames=64, height=32,
    width=32,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGED)
@pytest.mark.parametrize("scaling", [{}, {"squeeze_stretch": True, "copy_scaling": "minmax"}])
def test_a_transform_changes_the_rows_it_is_applied_to_and_no_other(change, scaling):
    """Over every subset of a batch, the empty one and all of it among them."""
    augment = make("published", SMALL, **scaling)
    inputs = analysed(list(0.1 * torch.randn(4, 4000, generator=torch.manual_seed(1))), SMALL)
    still = augment.render(*inputs, AugmentParams.neutral(4))
    for rows in itertools.chain.from_iterable(
        itertools.combinations(range(4), n) for n in range(5)
    ):
        params = AugmentParams.neutral(4)
        for name, value in CHANGED[change].items():
            getattr(params, name)[list(rows)] = value
        x = augment.render(*inputs, params)
        assert x.shape == still.shape and torch.isfinite(x).all()
        touched = (x != still).flatten(1).any(1)
        # A picture is relative to its own loudest cell, so gain alone may leave it as it was.
        assert set(touched.nonzero().flatten().tolist()) <= set(rows)
        assert change == "gain" or touched.sum() == len(rows)


@pytest.mark.parametrize("kind", ["published", "online"])
def test_of_no_clips_it_makes_no_pictures(kind):
    inputs = analysed(list(torch.zeros(1, 4000)), SMALL)
    settings = {"squeeze_stretch": True} if kind == "published" else {}
    augment = make(kind, SMALL, **settings)
    x = augment.render(*(part[:0] for part in inputs), AugmentParams.neutral(0))
    assert x.shape == (0, 1, 32, 32)


EACH_ALONE = {
    "rate": 1.3, "pitch": 1, "noise_std": 0.01, "shift": 0.3, "gain_db": 4, "eq_db": 5,
    "freq_mask": 0.3, "time_mask": 0.3, "mix_weight": 0.6,
}  # fmt: skip


@pytest.mark.parametrize("name", EACH_ALONE)
@pytest.mark.parametrize("squeeze", [False, True])
def test_each_change_of_any_rows_none_included_leaves_the_others_as_they_are(name, squeeze):
    spec = FeatureSpec(
        sample_rate=8000, seconds=0.5, n_fft=256, hop_length=64, n_mels=32, frames=64, height=32,
        width=32,
    )  # fmt: skip
    recipe = make_recipe(
        {"_target_": "esc50.audio.augment_params.PublishedAugmentation", "copies_min": 1,
         "copies_max": 1, "noise_std": 0.01, "rate_min": 0.8, "rate_max": 1.25, "pitch_max": 2,
         "squeeze_stretch": squeeze, "copy_scaling": "standardise"}
    )  # fmt: skip
    augment, front_end = Augment(spec, recipe), LogMel(spec)
    noise = 0.1 * torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    noise[1] = 0  # a silent clip
    clean, magnitude, peak = map(torch.stack, zip(*map(front_end, noise), strict=True))
    for n in range(4):
        for changed in itertools.product([False, True], repeat=n):
            params = AugmentParams.neutral(n)
            getattr(params, name)[np.array(changed, bool)] = EACH_ALONE[name]
            x = augment.render(magnitude[:n], peak[:n], clean[:n], params)
            assert x.shape == clean[:n].shape and x.isfinite().all()
            kept = ~torch.tensor(changed, dtype=torch.bool)
            assert torch.equal(x[kept], clean[:n][kept])

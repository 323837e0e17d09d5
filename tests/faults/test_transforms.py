"""Every random transform over every subset of rows, and sounds that are hardly any."""

import itertools
from dataclasses import fields

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import strategies as st

from esc50.audio.augment_params import AugmentParams, OnlineAugmentation
from esc50.audio.files.read import read_sound
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec
from esc50.errors import UserError
from tests.audio.pictures import analysed, make
from tests.faults.fuzz import fuzz, survives

SPEC = FeatureSpec(
    sample_rate=8000,
    seconds=0.5,
    n_fft=256,
    hop_length=64,
    n_mels=32,
    frames=64,
    height=32,
    width=32,
)
N = 3  # clips, the last of them silent
CHANGED = {
    "rate": 1.25,
    "pitch": 1,
    "noise_std": 0.01,
    "shift": 0.3,
    "gain_db": 6,
    "eq_db": 3,
    "freq_mask": 0.2,
    "time_mask": 0.2,
    "mix_weight": 0.7,
}


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(1)
    clips = 0.1 * torch.randn(N, 4000, generator=generator)
    clips[-1] = 0
    return analysed(list(clips), SPEC)


@pytest.fixture(scope="module")
def augments():
    return {kind: make(kind, SPEC) for kind in ("published", "online")}


def test_every_parameter_that_can_change_a_clip_is_tried():
    places = {"noise_at", "freq_mask_at", "time_mask_at", "partner"}
    assert {field.name for field in fields(AugmentParams)} - places == CHANGED.keys()


@pytest.mark.parametrize("kind", ["published", "online"])
@pytest.mark.parametrize("name", CHANGED)
def test_a_transform_of_any_subset_of_rows_leaves_the_others(inputs, augments, kind, name):
    augment = augments[kind]
    for subset in itertools.product([False, True], repeat=N):
        params, rows = AugmentParams.neutral(N), np.array(subset)
        getattr(params, name)[rows] = CHANGED[name]
        pictures, _, _ = augment.apply_params(*inputs, params)
        assert pictures.shape == inputs[2].shape and torch.isfinite(pictures).all()
        assert torch.equal(pictures[~rows], inputs[2][~rows])
        changed = [row for row in range(N - 1) if subset[row]]  # nothing can change silence
        assert all(not torch.equal(pictures[row], inputs[2][row]) for row in changed)


@pytest.mark.parametrize("kind", ["published", "online"])
@pytest.mark.parametrize("name", CHANGED)
def test_a_transform_of_no_clip_or_of_one_alone(inputs, augments, kind, name):
    augment = augments[kind]
    for n in (0, 1):
        params = AugmentParams.neutral(n)
        getattr(params, name)[:] = CHANGED[name]
        pictures, row, _ = augment.apply_params(*(part[:n] for part in inputs), params)
        assert pictures.shape == (n, 1, 32, 32) and torch.isfinite(pictures).all()
        assert row is None, "there is no other clip to mix with"


PARTS = st.sampled_from([0.0, 1.0, 0.5])


@fuzz(
    "transforms",
    few=6,
    n=st.integers(0, N),
    seed=st.integers(0, 2**32 - 1),
    chances=st.lists(PARTS, min_size=8, max_size=8),
    strength=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_whatever_is_sampled_gives_finite_pictures(inputs, n, seed, chances, strength):
    stretch, pitch, shift, eq, noise, mask, mix, until = chances
    recipe = OnlineAugmentation(
        stretch_prob=stretch,
        rate_min=1 - 0.75 * strength,
        rate_max=1 + 3 * strength,
        pitch_prob=pitch,
        pitch_max=12 * strength,
        pitch_step=1.0,
        shift_prob=shift,
        crop=1.0,
        gain_db=60 * strength,
        eq_prob=eq,
        eq_db=60 * strength,
        noise_prob=noise,
        noise_std_min=1e-9,
        noise_std_max=1.0,
        mask_prob=mask,
        freq_mask=strength,
        time_mask=strength,
        mix_prob=mix,
        mix_alpha=1e-3 if strength else 1e3,
        mix_until=until,
    )
    with survives("transforms"):
        augment = make("online", SPEC, **recipe.model_dump())
        params = recipe.sample_params(n, np.random.default_rng(seed))
        pictures, _, weight = augment.apply_params(*(part[:n] for part in inputs), params)
        assert pictures.shape == (n, 1, 32, 32) and torch.isfinite(pictures).all()
        assert weight is None or (((weight >= 0) & (weight <= 1)).all())


TIME = np.arange(4000) / 8000
SOUNDS = {
    "silence": (np.zeros(4000), 8000),
    "dc": (np.full(4000, 0.5), 8000),
    "full scale dc": (np.ones(4000), 8000),
    "one click": (np.eye(1, 4000, 2000)[0], 8000),
    "square wave": (np.sign(np.sin(2 * np.pi * 100 * TIME)), 8000),
    "nyquist": (np.tile([1.0, -1.0], 2000), 8000),
    "faintest": (np.full(4000, 2.0**-149), 8000),
    "loudest": (np.tile([3e38, -3e38], 2000), 8000),
    "one sample": (np.array([0.5]), 8000),
    "no sample": (np.zeros(0), 8000),
    "384 kHz": (np.sin(np.arange(38400) / 9), 384_000),
    "2 MHz": (np.sin(np.arange(200_000) / 99), 2_000_000),
    "1 Hz": (np.array([0.1, -0.2, 0.3]), 1),
    "1 Hz, one sample": (np.array([0.5]), 1),
    "1000 channels": (np.full((40, 1000), 0.1), 8000),
    "as large as integers": (np.tile([2.0**31, -(2.0**31)], 2000), 8000),
}
REFUSED = {"no sample": "is empty: it holds no samples", "loudest": "infinite or beyond 1e.10"}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_that_is_hardly_one_has_finite_features(augments, tmp_path, name):
    sound, rate = SOUNDS[name]
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, rate, subtype="FLOAT")
    if name in REFUSED:
        with pytest.raises(UserError, match=REFUSED[name]):
            read_sound(path, 8000, 4000)
        return
    samples = torch.from_numpy(read_sound(path, 8000, 4000).samples)
    for changes in ({}, {"repeat_below": -60.0}, {"standardise": "fixed"}):
        front_end = LogMel(SPEC.model_copy(update=changes))
        assert all(torch.isfinite(part).all() for part in front_end(samples))
    params = AugmentParams.neutral(2)
    for column, value in CHANGED.items():
        getattr(params, column)[0] = value
    for augment in augments.values():
        pictures, _, _ = augment.apply_params(*analysed([samples] * 2, SPEC), params)
        assert torch.isfinite(pictures).all()

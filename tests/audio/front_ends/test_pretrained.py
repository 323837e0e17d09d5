import librosa
import numpy as np
import pytest
import torch

from esc50.audio.augment import Augment
from esc50.audio.augment_params import make_recipe
from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.pretrained_kinds import AbsoluteSpec, KaldiSpec, WhisperSpec
from tests.audio.pictures import make, sampled

MEL64 = {"n_fft": 1024, "n_mels": 64, "fmin": 50.0, "fmax": 14000.0, "height": 64}
PANNS = AbsoluteSpec(**MEL64, sample_rate=32000, hop_length=320, frames=501, width=501)
CLAP = AbsoluteSpec(
    **MEL64, sample_rate=48000, hop_length=480, frames=1001, width=1001, fill_seconds=10.0
)
WHISPER = WhisperSpec(frames=500, width=500, height=80)
AST = KaldiSpec(frames=1024, width=1024)
BEATS = KaldiSpec(
    frames=498, width=498, window_type="povey", full_scale=32768.0, mean=15.41663, std=6.55582
)


def bark(rate):
    """A dying tone over faint noise, and silence after it: five seconds."""
    time, rng = np.arange(5 * rate) / rate, np.random.default_rng(0)
    sound = 0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-time)
    sound += 0.01 * rng.standard_normal(len(time))
    return (sound * (time < 3.5)).astype(np.float32)


def test_ast_features_are_its_extractors():
    transformers = pytest.importorskip("transformers")
    sound = bark(16000)
    ours = make_front_end(AST).features(torch.from_numpy(sound))
    theirs = transformers.ASTFeatureExtractor()(sound, sampling_rate=16000, return_tensors="pt")
    assert ours.shape == (1, 128, 1024)
    torch.testing.assert_close(ours[0].T, theirs.input_values[0], atol=2e-4, rtol=0)


def test_kaldi_features_are_torchaudios():
    from torchaudio.compliance.kaldi import fbank

    sound = torch.from_numpy(bark(16000))
    theirs = fbank(sound[None], sample_frequency=16000, window_type="hanning", num_mel_bins=128)
    cells = make_front_end(AST).cells(make_front_end(AST).rows(sound))
    torch.testing.assert_close(cells[0].T, theirs, atol=2e-3, rtol=0)


def test_beats_features_are_its_authors():
    """What `BEATs.preprocess` computes, of sound that ends in digital silence."""
    from torchaudio.compliance.kaldi import fbank

    sound = torch.from_numpy(bark(16000))
    theirs = fbank(sound[None] * 2**15, num_mel_bins=128, sample_frequency=16000)
    front_end = make_front_end(BEATS)
    cells = front_end.cells(front_end.rows(sound))
    assert theirs.min() < -15.9  # the least energy
    torch.testing.assert_close(cells[0].T, theirs, atol=2e-3, rtol=0)
    ours = front_end.features(sound)
    assert ours.shape == (1, 128, 498)
    scaled = (theirs - 15.41663) / (2 * 6.55582)
    torch.testing.assert_close(ours[0].T, scaled, atol=2e-4, rtol=0)


@pytest.mark.parametrize(("truncation", "mel_scale"), [("rand_trunc", "slaney"), ("fusion", "htk")])
def test_clap_features_are_its_extractors(truncation, mel_scale):
    transformers = pytest.importorskip("transformers")
    extract = transformers.ClapFeatureExtractor(
        frequency_min=50, frequency_max=14000, truncation=truncation
    )
    sound = bark(48000)
    spec = CLAP.model_copy(update={"mel_scale": mel_scale})
    ours = make_front_end(spec).features(torch.from_numpy(sound))
    theirs = extract(sound, sampling_rate=48000, return_tensors="pt").input_features[0, 0]
    np.testing.assert_allclose(ours[0].T, theirs, atol=0.01)  # dB


def test_whisper_features_are_its_extractors():
    transformers = pytest.importorskip("transformers")
    sound = np.tile(bark(16000), 6)  # thirty seconds, which it pads to
    theirs = transformers.WhisperFeatureExtractor()(sound, sampling_rate=16000).input_features[0]
    spec = WhisperSpec(seconds=30.0, frames=3000, width=3000, height=80)
    ours = make_front_end(spec).features(torch.from_numpy(sound))
    np.testing.assert_allclose(ours[0], theirs, atol=1e-4)
    short = make_front_end(WHISPER).features(torch.from_numpy(bark(16000)))
    # The joint of two barks is the loudest cell of the thirty seconds by 0.02 dB.
    np.testing.assert_allclose(short[0, :, :490], theirs[:, :490], atol=1e-3)


def test_panns_features_are_librosas():
    sound = bark(32000)
    mel = librosa.feature.melspectrogram(
        y=sound, sr=32000, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=14000,
        pad_mode="reflect",
    )  # fmt: skip
    theirs = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None)
    ours = make_front_end(PANNS).features(torch.from_numpy(np.stack([sound, sound])))
    assert ours.shape == (2, 1, 64, 501)
    np.testing.assert_allclose(ours[1, 0], theirs, atol=0.01)  # dB


@pytest.mark.parametrize(("spec", "silence"), [(AST, 0.4670), (PANNS, -100.0)])
def test_a_picture_longer_than_its_clip_ends_in_silence(spec, silence):
    longer = spec.model_copy(update={"frames": 1200, "width": 1200})
    sound = torch.from_numpy(bark(spec.sample_rate))
    picture = make_front_end(longer).features(sound)
    assert picture.shape[-1] == 1200
    torch.testing.assert_close(picture[..., 1100:], torch.full((1, spec.n_mels, 100), silence),
                               atol=1e-3, rtol=0)  # fmt: skip


ALL = {"ast": AST, "beats": BEATS, "panns": PANNS, "clap": CLAP, "whisper": WHISPER}


def in_decibels(spec):
    """What a difference of one is in a picture."""
    if isinstance(spec, KaldiSpec):
        return 2 * spec.std * 10 / np.log(10)
    return 40.0 if isinstance(spec, WhisperSpec) else 1.0


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_augmentation_follows_them(spec):
    """What is changed by nothing is the clip again; what is 6 dB louder is 6 dB higher."""
    front_end = make_front_end(spec)
    sound = torch.from_numpy(bark(spec.sample_rate))[None]
    picture, magnitude, peak = front_end(sound)
    recipe = make_recipe(
        {"_target_": "esc50.audio.augment_params.PublishedAugmentation", "copies_min": 1,
         "copies_max": 1, "noise_std": 0.01, "rate_min": 0.8, "rate_max": 1.25, "pitch_max": 2,
         "squeeze_stretch": False, "copy_scaling": "standardise"}
    )  # fmt: skip
    augment = Augment(spec, recipe)
    assert torch.equal(augment.render(magnitude, peak, picture, sampled(1)), picture)
    louder = augment.render(magnitude, peak, picture, sampled(1, gain_db=6.0))
    middle = (louder - picture)[0, 0, 5:, 50:300] * in_decibels(spec)
    assert abs(float(middle.median()) - 6.0) < 0.3


@pytest.mark.parametrize("spec", [PANNS, CLAP, WHISPER])
def test_what_is_hidden_is_an_average_cell(spec):
    """Of the clip: 0 would be as loud as full scale."""
    picture, magnitude, peak = make_front_end(spec)(torch.from_numpy(bark(spec.sample_rate))[None])
    hidden = {"freq_mask": 0.25, "freq_mask_at": 0.0, "time_mask": 0.5, "time_mask_at": 1.0}
    made = make("online", spec).render(magnitude, peak, picture, sampled(1, **hidden))
    rows, columns = spec.height // 4, spec.width // 2
    assert torch.equal(made[..., rows:, :columns], picture[..., rows:, :columns])
    average = picture.mean().expand(spec.height, spec.width)
    torch.testing.assert_close(made[0, 0, :rows], average[:rows])
    torch.testing.assert_close(made[0, 0, :, -columns:], average[:, -columns:])


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_noise_is_what_it_would_be_in_the_sound(spec):
    """By row, of a dying tone with its own noise and of silence, in decibels."""
    rate, std, n = spec.sample_rate, 0.02, 4
    front_end, generator = make_front_end(spec), torch.Generator().manual_seed(1)
    augment = make("online", spec)
    decibels = in_decibels(spec)
    frames = min(spec.frames, spec.n_frames)
    for sound in (torch.from_numpy(bark(rate)), torch.zeros(5 * rate)):
        noise = std * torch.randn(n, len(sound), generator=generator)
        theirs = torch.stack([front_end.features(sound + one) for one in noise])
        clean, magnitude, peak = (part.expand(n, *part.shape) for part in front_end(sound))
        params = sampled(n, noise_std=std, noise_at=np.arange(n) / n)
        ours = augment.render(magnitude, peak, clean, params)
        apart = (ours - theirs)[..., :frames].mean((0, 1, 3)) * decibels
        spread = (ours[..., :frames].std(3) - theirs[..., :frames].std(3)).mean((0, 1)) * decibels
        print(f"at most {apart.abs().max():.2f} dB in mean, {spread.abs().max():.2f} in spread")
        assert apart.abs().max() < 1 and spread.abs().max() < 1

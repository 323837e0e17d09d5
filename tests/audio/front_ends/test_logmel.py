import librosa
import numpy as np
import pytest
import torch

from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.front_end import make_front_end
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.kinds import DeltaSpec, MfccSpec, PcenSpec
from esc50.audio.spec import FeatureSpec
from tests.audio.made_sound import made_sound


def librosa_db(clip):
    power = librosa.feature.melspectrogram(y=clip, sr=44100, n_fft=2048, hop_length=512, n_mels=128)
    return librosa.power_to_db(power, ref=np.max)


def test_decibels_are_librosas_on_real_sound(esc10):
    front_end = LogMel(FeatureSpec())
    clips = sorted((esc10 / "audio").glob("*.ogg"))[::20]
    assert len(clips) == 20
    worst = 0.0
    for path in clips:
        clip = read_clip(path, 44100, 220500)
        ours = front_end.power_to_db(front_end.rows(torch.from_numpy(clip))).numpy()
        worst = max(worst, np.abs(ours - librosa_db(clip)).max())
    print(f"largest difference to librosa over 20 clips: {worst:.5f} dB")
    assert worst < 0.01


@pytest.mark.parametrize("clip", ["noise", "silence", "constant", "click", "square"])
def test_decibels_are_librosas_on_odd_sound(clip):
    n = 220500
    sound = {
        "noise": np.random.default_rng(0).standard_normal(n) * 1e-3,
        "silence": np.zeros(n),
        "constant": np.full(n, 0.5),
        "click": np.eye(1, n, 1000)[0],
        "square": np.sign(np.sin(np.arange(n) / 20)),
    }[clip].astype(np.float32)
    front_end = LogMel(FeatureSpec())
    ours = front_end.power_to_db(front_end.rows(torch.from_numpy(sound))).numpy()
    np.testing.assert_allclose(ours, librosa_db(sound), atol=0.05)
    picture, magnitude, peak = front_end(torch.from_numpy(sound))
    assert all(torch.isfinite(part).all() for part in (picture, magnitude, peak))


def published_picture(db):
    """Standardise, pad to 500, mean over exact areas: the published features in plain numpy."""
    scaled = (db - db.mean()) / db.std()
    padded = np.pad(scaled, ((0, 0), (0, 500 - scaled.shape[1])))
    fine = np.repeat(padded, 128, axis=1)  # 500 * 128 thin columns, 500 to each of 128
    return fine.reshape(128, 128, 500).mean(-1)


def test_picture_is_the_published_one():
    rng = np.random.default_rng(1)
    clip = (rng.standard_normal(220500) * np.linspace(0, 0.1, 220500)).astype(np.float32)
    picture = LogMel(FeatureSpec()).features(torch.from_numpy(clip)).numpy()
    assert picture.shape == (1, 128, 128) and picture.dtype == np.float32
    np.testing.assert_allclose(picture[0], published_picture(librosa_db(clip)), atol=2e-3)


def test_silence_gives_zeros():
    assert not LogMel(FeatureSpec()).features(torch.zeros(220500)).any()


def test_full_resolution_is_not_resized():
    spec = FeatureSpec(frames=431, width=431)
    clip = torch.randn(220500, generator=torch.Generator().manual_seed(0))
    front_end = LogMel(spec)
    db = front_end.power_to_db(front_end.rows(clip)).numpy()
    expected = (db - db.mean()) / db.std()
    np.testing.assert_allclose(front_end.features(clip)[0].numpy(), expected, atol=1e-3)


def test_bands_hold_the_power_of_their_bins():
    spec = FeatureSpec()
    front_end = LogMel(spec)
    clip = torch.randn(220500, generator=torch.Generator().manual_seed(0))
    power = front_end.power(clip)
    _, magnitude, peak = front_end(clip)
    assert magnitude.dtype == torch.float16 and magnitude.shape == (spec.n_bands, spec.n_frames)
    sums = np.add.reduceat(power.numpy().astype(np.float64), spec.edges[:-1], axis=0)
    mean = sums / np.diff(spec.edges)[:, None]
    restored = (magnitude.double().numpy() * peak.item()) ** 2
    np.testing.assert_allclose(restored, mean, rtol=3e-3, atol=mean.max() * 1e-9)


@pytest.mark.parametrize("shape", [(220500,), (2, 1, 220500)])
def test_one_pass_gives_what_torchs_operations_do(shape):
    clip = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    front_end, by_torch = LogMel(FeatureSpec()), LogMel(FeatureSpec())
    by_torch._sums = None
    for ours, theirs in zip(
        front_end.rows_and_bands(clip), by_torch.rows_and_bands(clip), strict=True
    ):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert torch.equal(front_end.rows(clip), front_end.rows_and_bands(clip)[0])
    torch.testing.assert_close(front_end.features(clip), by_torch.features(clip))


def test_windows_that_are_no_power_of_2_are_transformed_too():
    spec = FeatureSpec(n_fft=1764, hop_length=441)
    clip = np.random.default_rng(0).standard_normal(220500).astype(np.float32)
    theirs = librosa.feature.melspectrogram(
        y=clip, sr=44100, n_fft=1764, hop_length=441, n_mels=128
    )
    np.testing.assert_allclose(LogMel(spec).rows(torch.from_numpy(clip)), theirs, rtol=1e-3)


def clips(esc10):
    path = sorted((esc10 / "audio").glob("*.ogg"))[31]
    return [made_sound(), read_clip(path, 44100, 220500)]


def cells(spec, clip):
    front_end = make_front_end(spec)
    return front_end.cells(front_end.rows(torch.from_numpy(clip))).numpy()


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_cepstral_coefficients_are_librosas(esc10, lifter):
    for clip in clips(esc10):
        theirs = librosa.feature.mfcc(S=librosa_db(clip), n_mfcc=40, lifter=lifter)
        ours = cells(MfccSpec(lifter=lifter), clip)
        assert ours.shape == (1, 40, 431)
        np.testing.assert_allclose(ours[0], theirs, atol=0.1)  # of values in the hundreds


def test_deltas_are_librosas(esc10):
    for clip in clips(esc10):
        db = librosa_db(clip)
        ours = cells(DeltaSpec(delta_width=7), clip)
        assert ours.shape == (3, 128, 431)
        for order in (1, 2):
            theirs = librosa.feature.delta(db, width=7, order=order)
            np.testing.assert_allclose(ours[order], theirs, atol=0.02)  # dB a frame
    assert cells(DeltaSpec(deltas=1), clip).shape == (2, 128, 431)


@pytest.mark.parametrize("changes", [{}, {"time_constant": 0.06, "power": 0.25, "bias": 10.0}])
def test_energies_are_normalised_as_librosa_does(esc10, changes):
    for clip in clips(esc10):
        mel = librosa.feature.melspectrogram(y=clip, sr=44100, n_fft=2048, hop_length=512)
        theirs = librosa.pcen(mel * 2.0**31, sr=44100, hop_length=512, **changes)
        front_end = make_front_end(PcenSpec(**changes))
        of_the_same = front_end.cells(torch.from_numpy(mel))[0].numpy()
        np.testing.assert_allclose(of_the_same, theirs, atol=1e-4 * theirs.max())
        # From the sound on: gain control lifts even the rounding of the Fourier transform.
        difference = np.abs(cells(PcenSpec(**changes), clip)[0] - theirs)
        assert np.quantile(difference, 0.95) < 2e-3 * theirs.max()

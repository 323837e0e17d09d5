import math

import numpy as np
import pytest
import soundfile

from esc50.audio import measures
from esc50.audio.measures import measure_sound
from esc50.errors import UserError


@pytest.fixture
def sound(tmp_path):
    """Writes samples as a file and measures it."""

    def make(samples, rate=8000, name="x.wav", **how):
        soundfile.write(tmp_path / name, samples, rate, **how)
        return measure_sound(tmp_path / name)

    return make


def check_against_librosa(path, rtol=1e-5):
    import librosa

    samples, rate = librosa.load(path, sr=None)
    ours, feature = measure_sound(path), librosa.feature
    centroid = feature.spectral_centroid(y=samples, sr=rate).mean()
    assert ours.centroid == pytest.approx(centroid, rel=rtol)
    crossings = feature.zero_crossing_rate(samples).mean()
    assert ours.zero_crossing_rate == pytest.approx(crossings, rel=rtol)
    assert ours.rms == pytest.approx(feature.rms(y=samples).mean(), rel=rtol)
    assert ours.duration == pytest.approx(librosa.get_duration(y=samples, sr=rate))


def test_centroid_crossings_and_rms_are_librosas_on_esc10(esc10):
    for path in sorted((esc10 / "audio").iterdir())[::80]:
        check_against_librosa(path)


def test_a_file_longer_than_a_block_and_of_two_channels_is_librosas_too(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    samples = 0.2 * rng.standard_normal((9001, 2)) + 0.1 * np.sin(np.arange(9001) / 9)[:, None]
    path = tmp_path / "two.flac"
    soundfile.write(path, samples, 22050)
    whole = measure_sound(path)
    for block in (1 << 18, 4096, 700):
        monkeypatch.setattr(measures, "BLOCK", block)
        check_against_librosa(path)
        assert measure_sound(path).lufs == pytest.approx(whole.lufs, nan_ok=True)


def test_a_file_is_what_it_is(sound):
    half = np.full((4000, 2), 0.5)
    found = sound(half, subtype="PCM_24")
    assert (found.format, found.encoding, found.bits) == ("WAV", "PCM_24", 24)
    assert (found.sample_rate, found.channels, found.duration) == (8000, 2, 0.5)
    assert found.dc == found.peak == 0.5 and found.rms_dbfs == pytest.approx(-6.02, abs=0.01)
    assert math.isnan(sound(half, name="x.ogg").bits)


def test_silence_has_no_level_and_divides_nothing(sound):
    found = sound(np.zeros(4000))
    assert math.isnan(found.rms_dbfs) and math.isnan(found.lufs)
    assert found.centroid == found.rms == found.zero_crossing_rate == 0
    assert found.silent == 1 and found.leading_zeros == found.trailing_zeros == 0.5


def test_digital_silence_around_the_sound(sound):
    samples = np.zeros(8000)
    samples[800:6000] = 0.1
    found = sound(samples)
    assert found.leading_zeros == pytest.approx(0.1)
    assert found.trailing_zeros == pytest.approx(0.25)
    assert found.silent == 2 / 16  # the frames that begin after the sound


def test_flat_tops_are_clipping_and_a_loud_sine_is_not(sound):
    time = np.arange(8000) / 8000
    sine = np.sin(2 * np.pi * 20 * time)
    assert sound(0.999 * sine).clipped == 0
    clipped = np.clip(2 * sine, -1, 1)
    flat = (np.abs(clipped) == 1).sum()
    assert sound(clipped).clipped == pytest.approx(flat, abs=8)
    assert sound(1.5 * sine, subtype="FLOAT").clipped == (np.abs(1.5 * sine) > 1).sum()


def test_a_damaged_file_is_a_sentence(tmp_path):
    path = tmp_path / "no.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(UserError, match=r"no\.wav is not audio"):
        measure_sound(path)
    with pytest.raises(UserError, match="cannot be read"):
        measure_sound(tmp_path / "gone.wav")

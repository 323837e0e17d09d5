import numpy as np
import pytest
import soundfile

from esc50.audio.files.channels import CANCELLED
from esc50.audio.files.read import SILENT, read_sound
from esc50.audio.spec import FeatureSpec
from esc50.deploy.sounds import Sound, samples_of, sounds_in
from esc50.errors import UserError

SPEC = FeatureSpec(sample_rate=8000, seconds=1.0, frames=16, height=8, width=8)


def test_folders_are_searched_for_sound_files(tmp_path):
    for name in ("b/2.WAV", "b/1.ogg", "a.flac", "c.m4a", "notes.txt", ".hidden.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [sound.name for sound in sounds_in(tmp_path)]
    assert names == [str(tmp_path / name) for name in ("a.flac", "b/1.ogg", "b/2.WAV", "c.m4a")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no sound files"):
        sounds_in(tmp_path / "empty")


@pytest.mark.parametrize("kind", ["int16", "uint8", "float64"])
def test_samples_of_any_type_have_full_scale_one(kind):
    wave = np.linspace(-0.5, 0.5, 400)
    limits = {"int16": (0, 32768), "uint8": (128, 128), "float64": (0, 1)}
    middle, scale = limits[kind]
    sound = samples_of((wave * scale + middle).astype(kind), 8000, "a")
    np.testing.assert_allclose(sound.source[:, 0], wave, atol=1.1 / scale if scale > 1 else 1e-6)


def test_channels_are_the_shorter_side():
    stereo = np.random.default_rng(0).uniform(size=(400, 2))
    for samples in (stereo, stereo.T):
        np.testing.assert_allclose(samples_of(samples, 8000, "a").source, stereo, atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "rate", "why"),
    [
        (np.zeros(9), None, "need their rate"),
        (np.zeros(0), 8000, r"of shape \(0,\) are no sound"),
        (np.zeros((2, 2, 2)), 8000, "are no sound"),
        (np.array(["a"]), 8000, "are no sound"),
        (np.array([np.nan]), 8000, "a holds samples that are NaN"),
        (np.array([1e300]), 8000, r"or beyond 1e\+10"),
    ],
)
def test_other_arrays_are_refused(samples, rate, why):
    with pytest.raises(UserError, match=why):
        samples_of(samples, rate, "a")


def test_a_long_file_and_its_samples_have_the_same_windows(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 60_000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 24000, subtype="FLOAT")
    of_file = list(Sound("a", tmp_path / "a.wav").stretches(SPEC, 0.5))
    of_array = list(samples_of(wave, 24000, "a").stretches(SPEC, 0.5))
    assert [(one.start, one.end) for one in of_file] == [(0, 1), (0.5, 1.5), (1, 2), (1.5, 2.5)]
    for one, other in zip(of_file, of_array, strict=True):
        assert (one.start, one.end) == (other.start, other.end)
        np.testing.assert_array_equal(one.samples(), other.samples())


def test_what_is_hardly_longer_than_a_window_is_one(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 8800).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    for sound in (Sound("a", tmp_path / "a.wav"), samples_of(wave, 8000, "a")):
        (one,) = sound.stretches(SPEC, 0.5)
        assert (one.start, one.end) == (0, 1) and sound.count(SPEC, 0.5) == 1
        np.testing.assert_array_equal(one.samples(), wave[:8000])
    longer = samples_of(np.append(wave, 0), 8000, "a")
    assert len(list(longer.stretches(SPEC, 0.5))) == longer.count(SPEC, 0.5) == 2


@pytest.mark.parametrize("seconds", [0.8, 3.0])
@pytest.mark.parametrize("as_array", [False, True])
def test_silence_and_channels_that_cancel_are_noted_in_files_long_and_short(
    tmp_path, seconds, as_array
):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * 8000)).astype(np.float32)
    sounds = {
        CANCELLED: np.stack([wave, -wave], 1),
        SILENT: np.zeros((len(wave), 2), np.float32),
        None: np.stack([wave, wave], 1),
    }
    for remark, samples in sounds.items():
        soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
        sound = samples_of(samples, 8000, "a") if as_array else Sound("a", tmp_path / "a.wav")
        found = [one.read().remarks for one in sound.stretches(SPEC, 0.5)]
        said = {each for remarks in found for each in remarks}
        assert remark in said if remark else not said
        if remark == CANCELLED:  # of one of the channels nothing cancels
            one_of_them = SPEC.model_copy(update={"channel": 2})
            assert not any(one.read().remarks for one in sound.stretches(one_of_them, 0.5))


@pytest.mark.parametrize("as_array", [False, True])
def test_each_window_is_the_channel_that_training_takes(tmp_path, as_array):
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, 8000).astype(np.float32)
    none = np.zeros(8000, np.float32)
    sound = np.stack([np.append(noise, none), np.append(none, 2 * noise)], 1)
    path, spec = tmp_path / "a.wav", SPEC.model_copy(update={"channel": "loudest"})
    soundfile.write(path, sound, 8000, subtype="FLOAT")
    of = samples_of(sound, 8000, "a") if as_array else Sound("a", path)
    found = list(of.stretches(spec, 1.0))
    assert [one.start for one in found] == [0, 1]
    for one in found:
        trained = read_sound(path, 8000, 8000, one.start, "loudest")
        np.testing.assert_array_equal(one.samples(), trained.samples)
        assert one.samples().any()

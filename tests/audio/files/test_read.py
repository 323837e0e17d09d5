import hashlib

import librosa
import numpy as np
import pytest
import soundfile

from esc50.audio.files.containers import UNMARKED
from esc50.audio.files.read import (
    audio_digest,
    open_sound,
    read_blocks,
    read_clip,
    read_sound,
)
from esc50.errors import UserError

RATE, N = 44_100, 220_500


def tone(rate: int, seconds: float, frequency: float = 440.0) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * t)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, n)


def test_ordinary_clip_is_the_integers_over_full_scale(tmp_path):
    integers = np.random.default_rng(0).integers(-32768, 32768, N).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", integers, RATE)
    clip = read_clip(tmp_path / "a.wav", RATE, N)
    assert clip.dtype == np.float32 and clip.shape == (N,)
    np.testing.assert_array_equal(clip, integers / np.float32(32768))


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.wav", "PCM_U8", 1e-2),
        ("a.flac", "PCM_16", 1e-4),
        ("a.aiff", "PCM_16", 1e-4),
        ("a.au", "PCM_16", 1e-4),
        ("a.caf", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 2e-2),
        ("a.mp3", "MPEG_LAYER_III", 2e-2),
    ],
)
def test_formats(tmp_path, name, subtype, tolerance):
    sound = tone(RATE, 5)
    soundfile.write(tmp_path / name, sound, RATE, subtype=subtype)
    np.testing.assert_allclose(read_clip(tmp_path / name, RATE, N), sound, atol=tolerance)


def test_channels_are_averaged(tmp_path):
    channels = noise(3 * N).reshape(N, 3)
    soundfile.write(tmp_path / "a.wav", channels, RATE, subtype="FLOAT")
    expected = channels.mean(axis=1)
    np.testing.assert_allclose(read_clip(tmp_path / "a.wav", RATE, N), expected, atol=1e-6)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22_050, 1), (48_000, 2), (96_000, 2)])
def test_resampling_is_librosas(tmp_path, rate, channels):
    sound = noise(5 * rate * channels).reshape(-1, channels)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    expected, _ = librosa.load(tmp_path / "a.wav", sr=RATE)  # soxr_hq
    clip = read_clip(tmp_path / "a.wav", RATE, N)
    np.testing.assert_allclose(clip, librosa.util.fix_length(expected, size=N), atol=1e-6)


def test_resampled_tone_keeps_its_pitch_level_and_place(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(96_000, 5), 96_000, subtype="FLOAT")
    clip = read_clip(tmp_path / "a.wav", RATE, N)
    np.testing.assert_allclose(clip[200:-200], tone(RATE, 5)[200:-200], atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
def test_a_long_file_reads_as_its_beginning(tmp_path, rate):
    sound = noise(30 * rate)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    whole, _ = librosa.load(tmp_path / "a.wav", sr=RATE)
    np.testing.assert_allclose(read_clip(tmp_path / "a.wav", RATE, N), whole[:N], atol=1e-6)


def test_a_short_file_is_padded_with_zeros(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE, 0.2), RATE, subtype="FLOAT")
    clip = read_clip(tmp_path / "a.wav", RATE, N)
    np.testing.assert_allclose(clip[:8820], tone(RATE, 0.2), atol=1e-7)
    assert clip.shape == (N,) and not clip[8820:].any()


def refuses(path, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read_clip(path, RATE, N)
    assert str(path) in str(caught.value)


def test_files_that_hold_no_sound_are_refused(tmp_path):
    refuses(tmp_path / "absent.wav", "No such file")
    refuses(tmp_path, "cannot be read")
    (tmp_path / "empty.wav").touch()
    refuses(tmp_path / "empty.wav", "0 bytes")
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), RATE)
    refuses(tmp_path / "nothing.wav", "no samples")
    (tmp_path / "text.wav").write_text("I am not a sound.\n" * 100)
    refuses(tmp_path / "text.wav", "not audio")
    (tmp_path / "head.raw").write_bytes(bytes(1000))
    refuses(tmp_path / "head.raw", "not audio")


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "FLOAT"),
        ("a.aiff", "PCM_16"),
        ("a.flac", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
    ],
)
@pytest.mark.parametrize("part", [0.5, 0.98])
def test_truncated_files_are_refused(tmp_path, name, subtype, part):
    path = tmp_path / name
    soundfile.write(path, noise(N), RATE, subtype=subtype)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refuses(path, "truncated")


def test_of_an_ogg_without_the_mark_of_its_end_what_is_there_is_read(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, noise(N), RATE, subtype="VORBIS")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"OggS")])
    sound = read_sound(path, RATE, N)
    assert UNMARKED in sound.remarks
    kept, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(sound.samples[: len(kept)], kept)


def test_an_mp3_whose_length_is_an_estimate_is_read(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, noise(RATE), RATE, bitrate_mode="CONSTANT", compression_level=0.3)
    whole = path.read_bytes()
    path.write_bytes(whole[whole.find(b"\xff\xfb", whole.find(b"Info")) :])  # its first frame
    decoded, _ = soundfile.read(path)
    assert len(decoded) < soundfile.info(path).frames  # 26 samples in libsndfile 1.2
    clip = read_clip(path, RATE, N)
    np.testing.assert_allclose(clip[: len(decoded)], decoded, atol=1e-6)
    assert not clip[len(decoded) :].any()


def test_a_wav_streamed_with_unknown_length_is_read(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(RATE, 5), RATE, subtype="PCM_16")
    whole = bytearray(path.read_bytes())
    at = whole.find(b"data") + 4
    whole[4:8] = whole[at : at + 4] = b"\xff" * 4
    path.write_bytes(whole)
    np.testing.assert_allclose(read_clip(path, RATE, N), tone(RATE, 5), atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, bad):
    sound = noise(N)
    sound[1000] = bad
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    refuses(tmp_path / "a.wav", "NaN, infinite or beyond")


def test_real_clips_are_read(esc10):
    for path in sorted((esc10 / "audio").iterdir())[::40]:
        expected, rate = soundfile.read(path)
        expected = librosa.util.fix_length(expected, size=N)
        np.testing.assert_allclose(read_clip(path, rate, N), expected, atol=1e-6)


def test_digest_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert audio_digest(tmp_path / "a") == hashlib.blake2b(b"abc", digest_size=16).hexdigest()
    with pytest.raises(UserError, match="cannot be read"):
        audio_digest(tmp_path / "b")


def test_blocks_are_all_of_a_file_as_it_is(tmp_path):
    sound = np.stack([noise(1000), noise(1000)], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    blocks = list(read_blocks(tmp_path / "a.wav", 300))
    assert [len(block) for block in blocks] == [300, 300, 300, 100]
    np.testing.assert_allclose(np.concatenate(blocks), sound, atol=1e-7)
    with open_sound(tmp_path / "a.wav") as opened:
        assert (opened.samplerate, opened.channels) == (RATE, 2)
        assert (opened.format, opened.subtype) == ("WAV", "FLOAT")


@pytest.mark.parametrize("large", [3e38, -1e11, 1e300])
def test_samples_that_no_sound_has_are_refused(tmp_path, large):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([0.1, large]), 8000, subtype="DOUBLE")
    with pytest.raises(UserError, match=r"or beyond 1e\+10, where 1 is full scale"):
        read_clip(path, 8000, 100)
    with pytest.raises(UserError, match="infinite or beyond"):
        list(read_blocks(path, 100))

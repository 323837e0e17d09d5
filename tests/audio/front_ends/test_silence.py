import librosa
import numpy as np
import pytest
import soundfile
import torch

from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.front_ends.silence import repeat_sound
from esc50.audio.spec import FeatureSpec
from esc50.data.features import clip_features
from esc50.data.tables.table import read_table

RATE = 8000


def in_numpy(clip, sample_rate, below_db):
    """What `repeat_sound` does, step by step on one clip."""
    block = round(0.01 * sample_rate)
    n_blocks = len(clip) // block
    level = np.abs(clip[: n_blocks * block].reshape(n_blocks, block)).max(axis=1)
    heard = np.flatnonzero(level > level.max() * 10 ** (-below_db / 20))
    if not heard.size or heard[-1] + 1 - heard[0] > 0.95 * n_blocks:
        return clip
    sound = clip[heard[0] * block : (heard[-1] + 1) * block]
    return np.resize(np.pad(sound, (0, round(0.1 * sample_rate))), len(clip))


def repeated(clip, sample_rate, below_db):
    return repeat_sound(torch.from_numpy(clip), sample_rate, below_db).numpy()


def tone(seconds, level=0.5):
    return (level * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def test_a_padded_sound_is_repeated_with_a_pause():
    sound, clip = tone(0.5), np.zeros(2 * RATE, np.float32)
    clip[RATE // 2 : RATE] = sound
    filled = repeated(clip, RATE, 60)
    once = np.concatenate([sound, np.zeros(RATE // 10, np.float32)])
    assert filled.shape == clip.shape and filled.dtype == np.float32
    np.testing.assert_array_equal(filled, np.tile(once, 4)[: len(clip)])


def test_what_is_faint_is_silence_only_below_the_threshold():
    clip = np.concatenate([tone(1), tone(1, level=0.0005)])  # 60 dB down
    np.testing.assert_array_equal(repeated(clip, RATE, 65), clip)
    assert not np.array_equal(repeated(clip, RATE, 55), clip)


def test_full_and_silent_clips_stay_as_they_are():
    almost = np.pad(tone(1.96), (0, int(0.04 * RATE)))
    for clip in (tone(2), almost, np.zeros(2 * RATE, np.float32)):
        np.testing.assert_array_equal(repeated(clip, RATE, 60), clip)


def test_a_pause_within_the_sound_is_part_of_it():
    clip = np.concatenate([tone(0.5), np.zeros(RATE, np.float32), tone(0.5)])
    np.testing.assert_array_equal(repeated(clip, RATE, 60), clip)


def test_real_clips_are_filled_from_where_librosa_hears_them_begin(esc10):
    table, filled = read_table(esc10), 0
    for path in table.paths[::10]:
        clip = read_clip(path, 44100, 220500)
        again = repeated(clip, 44100, 60)
        np.testing.assert_array_equal(again, in_numpy(clip, 44100, 60))
        if np.array_equal(again, clip):
            continue
        filled += 1
        _, (start, _) = librosa.effects.trim(clip, top_db=60, ref=np.max, frame_length=441)
        heard = np.abs(again) > 1e-3 * np.abs(clip).max()
        assert np.argmax(heard) < 441 * 2  # the sound begins at once
        offset = np.argmax(np.abs(clip) > 1e-3 * np.abs(clip).max()) - np.argmax(heard)
        np.testing.assert_array_equal(again[:4410], clip[offset : offset + 4410])
        assert abs(offset - start) < 4 * 2048
    assert filled >= 5


def test_the_clips_of_a_batch_are_filled_each_for_itself():
    clips = np.zeros((3, RATE), np.float32)
    for clip, seconds in zip(clips, (0.1, 0.5, 0.8), strict=True):
        clip[RATE // 5 :][: int(seconds * RATE)] = tone(seconds)
    clips = np.concatenate([clips, np.zeros((1, RATE), np.float32)])
    expected = np.stack([in_numpy(clip, RATE, 40) for clip in clips])
    np.testing.assert_array_equal(repeated(clips[None], RATE, 40)[0], expected)


@pytest.mark.parametrize("below", [None, 60.0])
def test_the_cache_holds_the_clip_as_the_config_says(tmp_path, below):
    (tmp_path / "audio").mkdir()
    (tmp_path / "meta").mkdir()
    clip = np.zeros(2 * RATE, np.float32)
    clip[: RATE // 2] = tone(0.5)
    soundfile.write(tmp_path / "audio" / "1-1-A-0.wav", clip, RATE, subtype="FLOAT")
    csv = "filename,fold,target,category\n1-1-A-0.wav,1,0,tone\n"
    (tmp_path / "meta" / "esc50.csv").write_text(csv)
    small = {"sample_rate": RATE, "seconds": 2.0, "frames": 100, "height": 64, "width": 32}
    spec = FeatureSpec(n_fft=512, hop_length=256, n_mels=64, repeat_below=below, **small)
    cached = clip_features(read_table(tmp_path), spec, ["digest"], tmp_path / "cache", 1)
    expected = clip if below is None else in_numpy(clip, RATE, below)
    plain = LogMel(spec.model_copy(update={"repeat_below": None}))
    features = plain.features(torch.from_numpy(expected))
    np.testing.assert_array_equal(cached["logmel"][0], features.numpy())
    once = LogMel(spec).features(torch.from_numpy(clip))
    np.testing.assert_array_equal(once.numpy(), features.numpy())

import numpy as np
import pytest
import soundfile

from esc50.audio.files.read import duration, read_blocks, read_sound
from esc50.errors import UserError
from tests.audio.made_files import (
    RATE,
    damaged,
    encoded,
    flac_of_unknown_length,
    mp3_without_count,
    noise,
)


def refuses_what_is_damaged(path):
    for read in (lambda: read_sound(path, RATE, 3 * RATE), lambda: list(read_blocks(path, 5000))):
        with pytest.raises(UserError, match="truncated or damaged: it does not decode to its end"):
            read()


@pytest.mark.parametrize("make", [flac_of_unknown_length, mp3_without_count])
def test_damage_amid_sound_of_unknown_length_is_not_its_end(tmp_path, make):
    path = tmp_path / f"a.{make.__name__.partition('_')[0]}"
    whole = make(path, noise(3 * RATE))
    for seed in range(3):  # of an MP3, sound follows one of them, and libsndfile ends at others
        path.write_bytes(damaged(whole, 4000, seed))
        refuses_what_is_damaged(path)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mkv", "aac"), ("a.webm", "libopus")]
)
def test_damage_amid_what_ffmpeg_reads_is_not_its_end(tmp_path, name, codec):
    path = tmp_path / name
    whole = encoded(path, codec, noise(3 * 48_000))
    assert duration(path) == pytest.approx(3, abs=0.1)
    path.write_bytes(damaged(whole))
    refuses_what_is_damaged(path)


def test_half_a_film_is_refused_though_ffmpeg_says_nothing(tmp_path):
    path = tmp_path / "a.webm"
    whole = encoded(path, "libopus", noise(3 * 48_000))
    path.write_bytes(whole[: len(whole) // 2])
    refuses_what_is_damaged(path)


@pytest.mark.parametrize("tail", [b"", bytes(3000), b"APETAGEX" + bytes(99)])
def test_what_is_no_frame_behind_an_mp3_is_passed_over(tmp_path, tail):
    path = tmp_path / "a.mp3"
    whole = mp3_without_count(path, noise(3 * RATE))
    sound = np.concatenate(list(read_blocks(path, RATE)))
    path.write_bytes(whole + tail if tail else whole[:-50])
    found = np.concatenate(list(read_blocks(path, RATE)))
    assert len(found) == len(sound) - (0 if tail else 1152)
    np.testing.assert_array_equal(found, sound[: len(found)])


def test_of_an_aac_that_was_cut_all_whole_frames_are_read(tmp_path):
    path = tmp_path / "a.aac"
    whole = encoded(path, "aac", noise(48_000))
    path.write_bytes(whole[: len(whole) // 2 + 7])
    assert duration(path) == pytest.approx(0.5, abs=0.1)


def test_a_flac_in_which_no_place_is_found_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, 0.1 * np.sin(np.arange(4000)), RATE)
    whole = bytearray(path.read_bytes())
    whole[200:1200] = bytes(1000)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="truncated or damaged"):
        read_sound(path, RATE, 1000, start=3000 / RATE)


@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_is_from_any_place_what_it_is_from_its_beginning(tmp_path, channels):
    path = tmp_path / "a.mp3"
    time = np.arange(4 * RATE) / RATE
    glide = 0.3 * np.sin(2 * np.pi * 200 * time**2) * (np.sin(9 * time) > 0)
    soundfile.write(path, np.stack([glide] * channels, 1), RATE, compression_level=0.8)
    whole = read_sound(path, RATE, 4 * RATE).samples
    for start in (0.1, 0.25, 1.0, 1.3, 2.0, 2.71):
        part = read_sound(path, RATE, RATE, start).samples
        first = round(start * RATE)
        np.testing.assert_allclose(part, whole[first : first + RATE], atol=1e-6)

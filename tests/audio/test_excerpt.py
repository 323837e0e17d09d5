import numpy as np
import pytest
import soundfile

from esc50.audio.excerpt import CUT, SHORT
from esc50.audio.read import duration, read_sound
from esc50.errors import UserError
from tests.audio.made_files import flac_of_unknown_length

RATE, N = 44_100, 8820


def noise(n):
    return np.random.default_rng(n).uniform(-0.5, 0.5, n)


def test_one_channel_is_read_by_its_number_or_its_loudness(tmp_path):
    sound = np.stack([part * noise(N) for part in (0.1, 1, 0.5)], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    for channel, column in ((1, 0), (3, 2), ("loudest", 1)):
        read = read_sound(tmp_path / "a.wav", RATE, N, channel=channel).samples
        np.testing.assert_allclose(read, sound[:, column], atol=1e-7)
    with pytest.raises(UserError, match=r"has 3 channels: features\.channel=4 is not one of them"):
        read_sound(tmp_path / "a.wav", RATE, N, channel=4)


def test_what_is_cut_or_padded_is_said(tmp_path):
    path = tmp_path / "a.wav"
    for seconds, remarks in ((1.0, (CUT,)), (0.21, ()), (0.15, ()), (0.05, (SHORT,))):
        soundfile.write(path, noise(int(seconds * RATE)), RATE)
        assert read_sound(path, RATE, int(0.2 * RATE)).remarks == remarks
        assert duration(path) == pytest.approx(seconds)


@pytest.mark.parametrize("rate", [22_050, RATE])
@pytest.mark.parametrize("known", [True, False])
def test_a_clip_that_is_hardly_longer_is_not_called_cut(tmp_path, rate, known):
    path = tmp_path / "a.flac"
    for seconds, remarks in ((0.2, ()), (0.29, ()), (0.32, (CUT,))):
        sound = noise(round(seconds * RATE))
        soundfile.write(path, sound, RATE) if known else flac_of_unknown_length(path, sound)
        read = read_sound(path, rate, round(0.2 * rate))
        assert read.remarks == remarks
        assert read.samples[-20:].any()


def test_what_is_hardly_a_sound_is_not_called_empty(tmp_path):
    path = tmp_path / "a.wav"
    for n, rate in ((1, 96_000), (5, 192_000)):
        soundfile.write(path, np.full(n, 0.5), rate)
        read = read_sound(path, 16_000, 100)
        assert read.remarks == (SHORT,) and read.samples[0] and not read.samples[1:].any()
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(UserError, match="is empty: it holds no samples"):
        read_sound(path, 16_000, 100)


def test_a_beginning_beyond_the_end_is_refused_as_that(tmp_path):
    path = tmp_path / "a.flac"
    for make in (
        lambda: soundfile.write(path, noise(N), RATE),
        lambda: flac_of_unknown_length(path, noise(N)),
    ):
        make()
        with pytest.raises(UserError, match=r"ends before second 2\.5: begin earlier"):
            read_sound(path, RATE, N, start=2.5)

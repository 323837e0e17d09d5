import numpy as np
import pytest
import soundfile

from esc50.audio.excerpt import CUT, SHORT
from esc50.audio.read import duration, read_sound
from esc50.errors import UserError

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

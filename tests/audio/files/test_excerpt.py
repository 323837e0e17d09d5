import numpy as np
import pytest
import soundfile

from esc50.audio.files.excerpt import CUT, SHORT
from esc50.audio.files.read import duration, read_blocks, read_sound
from esc50.audio.files.streams import AvStream
from esc50.errors import UserError
from tests.audio.made_files import encoded, flac_of_unknown_length

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


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "ALAC_16", "GSM610"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_place_in_a_sound_of_unknown_length_is_the_same_sought_or_decoded(
    tmp_path, subtype, channels
):
    if subtype == "GSM610" and channels == 2:
        pytest.skip("has one channel")
    path = tmp_path / ("a.caf" if subtype.startswith("ALAC") else "a.wav")
    soundfile.write(path, noise(10 * N * channels).reshape(-1, channels), 8000, subtype=subtype)
    whole = np.concatenate(list(read_blocks(path, 5000))).mean(axis=1)
    for start in (0.5, 1.2345, 9.9):
        at = round(start * 8000)
        read = read_sound(path, 8000, 4000, start=start).samples
        np.testing.assert_allclose(read, whole[at : at + 4000], atol=1e-6)
    with pytest.raises(UserError, match="ends before second 99: begin earlier"):
        read_sound(path, 8000, 4000, start=99)


def test_a_place_in_what_ffmpeg_reads_is_the_same_sought_or_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.m4a"
    time = np.arange(12 * 48_000) / 48_000
    encoded(path, "aac", 0.3 * np.sin(2 * np.pi * (300 + 100 * time) * time))
    whole = np.concatenate(list(read_blocks(path, 5000)))[:, 0]
    decoded = 0

    def counted(self):
        nonlocal decoded
        for frame in frames(self):
            decoded += 0 if frame is None else frame.samples
            yield frame

    frames = AvStream._frames
    monkeypatch.setattr(AvStream, "_frames", counted)
    for start in (0.3, 3.0, 7.12345, 11.9):
        at = round(start * 48_000)
        read = read_sound(path, 48_000, 4800, start=start).samples
        there = whole[at : at + 4800]
        np.testing.assert_allclose(read[: len(there)], there, atol=1e-4)
    assert decoded < 4 * 3 * 48_000  # and not all that lies before
    with pytest.raises(UserError, match="ends before second 99: begin earlier"):
        read_sound(path, 48_000, 4800, start=99)

import base64

import numpy as np
import pytest
import soundfile

from esc50.audio.files.streams import SoundfileStream
from esc50.deploy import sounds
from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.answer import (
    LimitedSound,
    TooLongError,
    UnwantedError,
    answer,
    draw,
    sentence,
)
from esc50.errors import UserError
from tests.audio.made_files import flac_of_unknown_length
from tests.deploy.small import FEATURES, small_model

RATE = 8000


@pytest.fixture(scope="module")
def predictor():
    return Predictor([small_model()])


@pytest.fixture
def sound(tmp_path):
    """Two seconds, a tone that begins in the middle."""

    def make(name="tone.wav", **limits):
        time = np.arange(2 * RATE) / RATE
        tone = np.where(time < 1, 0, 0.5 * np.sin(2 * np.pi * 1000 * time))
        soundfile.write(tmp_path / "upload.wav", tone, RATE)
        return LimitedSound(name, tmp_path / "upload.wav", **limits)

    return make


def test_it_is_the_prediction(predictor, sound):
    made = answer(predictor, sound(), hop=None, with_spectrogram=False)
    expected = predictor.predict(sound().source)
    assert made.name == "tone.wav" and made.label == expected.label
    assert made.probabilities == expected.probabilities.tolist()
    assert [window.start for window in made.windows] == expected.spans[:, 0].tolist()
    assert made.spectrogram is None


def test_it_says_what_is_odd_about_the_sound(predictor, sound, tmp_path):
    assert answer(predictor, sound(), hop=None, with_spectrogram=False).remarks == []
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, RATE // 2)
    soundfile.write(tmp_path / "anti.wav", np.stack([wave, -wave], 1), RATE, subtype="FLOAT")
    anti = LimitedSound("anti.wav", tmp_path / "anti.wav")
    (remark,) = answer(predictor, anti, hop=None, with_spectrogram=False).remarks
    assert remark.startswith("has channels that cancel each other in their mean")


def test_the_picture_shows_when_and_how_high(predictor, sound):
    made = draw(predictor, sound(), seconds=2.0)
    cells = np.frombuffer(base64.b64decode(made.cells), np.uint8).reshape(made.rows, made.columns)
    assert cells[:, : made.columns // 2 - 10].max() == 0 and cells.max() == 255
    loud = cells[:, made.columns // 2 + 20 : -20]
    row = int(loud.mean(axis=1).argmax())
    peaks = predictor.log_mel.spec.filters().argmax(axis=1) * RATE / 256
    assert abs(peaks[row] - 1000) < 100


def test_a_sound_that_lasts_too_long_is_refused_by_its_samples(predictor, sound):
    with pytest.raises(TooLongError, match=r"tone\.wav lasts longer than 1\.5 s"):
        answer(predictor, sound(most_seconds=1.5), hop=None, with_spectrogram=False)


def test_the_loudest_channel_is_not_looked_for_beyond_what_a_sound_may_last(sound, monkeypatch):
    read, read_blocks = [], sounds.read_blocks

    def counted(path, n_frames):
        for block in read_blocks(path, RATE // 4):
            read.append(len(block) / RATE)
            yield block

    monkeypatch.setattr(sounds, "read_blocks", counted)
    loudest = Predictor([small_model(features={**FEATURES, "channel": "loudest"})])
    with pytest.raises(TooLongError, match=r"tone\.wav lasts longer than 1 s"):
        answer(loudest, sound(most_seconds=1.0), hop=None, with_spectrogram=False)
    assert sum(read) == 1.25


def test_what_does_not_say_how_long_it_is_is_decoded_no_further_than_it_may_last(
    predictor, tmp_path, monkeypatch
):
    path, decoded, fill = tmp_path / "a.flac", [], SoundfileStream.fill
    path.write_bytes(flac_of_unknown_length(path, np.zeros(60 * 44_100)))

    def counted(stream, samples):
        decoded.append(len(samples))
        return fill(stream, samples)

    monkeypatch.setattr(SoundfileStream, "fill", counted)
    with pytest.raises(TooLongError):
        answer(predictor, LimitedSound("a", path, most_seconds=2.0), None, with_spectrogram=False)
    assert sum(decoded) < 10 * 44_100


def test_a_sound_is_cut_no_further_once_nobody_wants_it(predictor, sound):
    answers = iter([False, False, True])
    found = sound(unwanted=lambda: next(answers)).stretches(predictor.front_end.spec, 0.25)
    assert [next(found).start, next(found).start] == [0, 0.25]
    with pytest.raises(UnwantedError):
        next(found)


def test_a_file_is_named_as_its_sender_knows_it(tmp_path):
    error = UserError(f"{tmp_path}/upload.wav is empty: it holds 0 bytes.")
    assert sentence(error, tmp_path / "upload.wav", "a.wav") == "a.wav is empty: it holds 0 bytes."

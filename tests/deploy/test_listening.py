import io
import sys

import numpy as np
import pytest
import soundfile

from esc50 import load
from esc50.deploy.listening import listen, microphone_blocks, raw_blocks
from esc50.errors import UserError


@pytest.fixture(scope="module")
def model(tiny_run):
    return load(tiny_run, device="cpu")


@pytest.fixture(scope="module")
def concert(tiny):
    """A second of one sound, then a second of another: 8 kHz."""
    parts = [soundfile.read(tiny / "audio" / f"1-1{t}0-A-{t}.wav")[0] for t in (0, 4)]
    return np.concatenate([np.tile(part, 2) for part in parts]).astype(np.float32)


def test_answers_are_those_of_the_whole_sound(model, concert):
    blocks = np.array_split(concert[:, None], 21)
    heard = list(listen(model, blocks, 8000, 0.25))
    whole = model.predict(concert, 8000, hop=0.25).events()
    assert [one.label for one in heard] == [one.label for one in whole]
    np.testing.assert_allclose([e.start for e in heard], [e.start for e in whole], atol=1e-6)
    assert all(0.5 <= one.end <= one.start + 0.5 for one in heard)


def test_an_answer_comes_before_the_sound_has_ended(model, concert):
    def endless():
        while True:
            yield concert[:400, None]

    first = next(listen(model, endless(), 8000, 0.1))
    assert first.start == 0 and first.end == 0.5


@pytest.mark.parametrize(("dtype", "scale"), [("int16", 2**15), ("int32", 2**31), ("float32", 1)])
def test_raw_samples_of_all_types_are_the_same_sound(dtype, scale):
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (1234, 2))
    data = (sound * scale).astype(dtype).tobytes() + b"\x00"  # cut off within a frame
    read = np.concatenate(list(raw_blocks(io.BytesIO(data), 1000, dtype, 2)))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, sound, atol=2 / min(scale, 2**23) if scale > 1 else 1e-6)


def test_samples_of_another_type_are_refused():
    data = np.full(100, np.nan, np.float32).tobytes()
    with pytest.raises(UserError, match="the samples are no float32"):
        list(raw_blocks(io.BytesIO(data), 1000, "float32", 1))


def test_without_sounddevice_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match=r"pip install 'esc50\[listen\]'"):
        next(microphone_blocks(8000, None))

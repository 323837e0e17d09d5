import math

import numpy as np
import pytest
import soundfile

from esc50.audio.files.excerpt import BEYOND, CUT, SHORT
from esc50.audio.files.part import length_of, part_of
from esc50.audio.files.read import open_sound, read_blocks, read_sound
from esc50.audio.measures import measure_sound
from esc50.errors import UserError
from tests.audio.made_files import flac_of_unknown_length

RATE = 22_050


def noise(seconds, channels=1):
    shape = (round(seconds * RATE), channels)
    return np.random.default_rng(channels).uniform(-0.5, 0.5, shape)


@pytest.mark.parametrize("rate", [RATE, 44_100, 8000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", None)]
)
def test_a_part_is_to_the_bit_what_a_file_of_its_own_is(tmp_path, suffix, subtype, channels, rate):
    whole, own = tmp_path / f"tape.{suffix}", tmp_path / f"own.{suffix}"
    soundfile.write(whole, noise(9, channels), RATE, subtype=subtype)
    sound = soundfile.read(whole, dtype="float32")[0]
    for start, end in ((0.0, 0.3), (0.0, 2.5), (1.2345, 1.5), (1.0, 2.0), (3.3, 8.5), (8.7, 9.0)):
        soundfile.write(own, sound[round(start * RATE) : round(end * RATE)], RATE, subtype=subtype)
        for channel in (None, "loudest"):
            part = read_sound(whole, rate, rate, start, channel, end)
            alone = read_sound(own, rate, rate, channel=channel)
            assert part.samples.tobytes() == alone.samples.tobytes()
            assert part.remarks == alone.remarks
        assert measure_sound(whole, start, end) == measure_sound(own)


def test_parts_of_one_length_are_as_many_frames_wherever_they_begin(tmp_path):
    soundfile.write(tmp_path / "tape.wav", noise(3), RATE)  # 0.01 s are 220.5 frames
    for start in np.arange(0, 2, 0.01).round(2):
        with open_sound(tmp_path / "tape.wav", start, round(start + 0.5, 2)) as sound:
            assert [stream.frames for stream in sound.streams] == [RATE // 2]


@pytest.mark.parametrize("known", [True, False])
def test_nothing_behind_a_part_is_heard_and_its_length_is_told(tmp_path, known):
    path = tmp_path / "tape.flac"
    rate = 44_100  # of which the other one is made
    sound = noise(8)
    soundfile.write(path, sound, rate) if known else flac_of_unknown_length(path, sound[:, 0])
    part = read_sound(path, rate, rate, 1.0, None, 1.25)
    n = round(0.25 * rate)
    assert part.samples[:n].any() and not part.samples[n:].any() and part.remarks == (SHORT,)
    assert read_sound(path, rate, rate, 1.0, None, 2.05).remarks == ()
    assert read_sound(path, rate, rate, 1.0, None, 2.5).remarks == (CUT,)
    last = read_sound(path, rate, rate, 3.75, None, 5.0)
    assert not last.samples[n:].any()
    assert last.remarks == ((BEYOND, SHORT) if known else (SHORT, BEYOND))
    assert read_sound(path, rate, rate, 3.0, None, 4.05).remarks == ()
    for start, at in ((4.0, "4"), (4.5, r"4\.5"), (1e8, r"1e\+08")):
        for ask in (
            lambda at: read_sound(path, rate, rate, at, None, at + 1),
            lambda at: measure_sound(path, at, at + 1),
        ):
            with pytest.raises(UserError, match=rf"ends before second {at}: begin earlier"):
                ask(start)


def test_the_least_part_is_one_frame_and_one_without_an_end_goes_to_the_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1), RATE)
    (block,) = read_blocks(tmp_path / "a.wav", 100, 0.5, 0.5 + 1e-6)
    assert block.shape == (1, 1)
    assert sum(map(len, read_blocks(tmp_path / "a.wav", 100, 0.5))) == RATE // 2
    assert measure_sound(tmp_path / "a.wav", 0.25).duration == pytest.approx(0.75, abs=1 / RATE)


class Stream:
    """So many frames from a number on, in blocks of three."""

    rate, channels, format, subtype = 10, 1, "WAV", "PCM_16"

    def __init__(self, begin, frames, known=True):
        self.begin, self.frames, self.n = begin, frames if known else None, frames

    def blocks(self, first):
        numbers = np.arange(self.begin + first, self.begin + self.n)
        yield from (numbers[at : at + 3, None] for at in range(0, len(numbers), 3))


def heard(streams, start, end):
    parts = part_of(streams, start, end)
    blocks = [block for part in parts for block in part.blocks(0)]
    return np.concatenate(blocks)[:, 0].tolist() if blocks else []


def test_a_part_lies_in_the_streams_that_it_spans():
    streams = [Stream(0, 20), Stream(20, 5), Stream(25, 30)]
    assert length_of(streams) == 5.5
    assert heard(streams, 0.3, 0.6) == [3, 4, 5]
    assert heard(streams, 1.8, 2.7) == list(range(18, 27))
    assert heard(streams, 2.0, 2.5) == list(range(20, 25))
    assert heard(streams, 5.4, 9.0) == [54] and heard(streams, 5.5, 9.0) == []
    assert heard(streams, 5.0, math.inf) == list(range(50, 55))
    (part,) = part_of(streams, 2.1, 2.4)
    assert part.frames == 3 and [*map(len, part.blocks(1))] == [2] and not [*part.blocks(3)]
    unknown = [Stream(0, 20, known=False)]
    assert length_of(unknown) == math.inf and part_of(unknown, 1.8, 9.0)[0].frames is None
    assert heard(unknown, 1.8, 9.0) == [18, 19] and heard(unknown, 7.0, 9.0) == []


def test_a_part_says_what_its_file_is(tmp_path):
    soundfile.write(tmp_path / "a.flac", noise(1, 2), RATE)
    with open_sound(tmp_path / "a.flac", 0.2, 0.4) as sound:
        (part,) = sound.streams
        assert (part.rate, part.channels) == (RATE, 2)
        assert (part.format, part.subtype) == ("FLAC", "PCM_16")

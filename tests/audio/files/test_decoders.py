import io
import struct

import numpy as np
import pytest
import soundfile

from esc50.audio.files.channels import CANCELLED
from esc50.audio.files.containers import UNMARKED
from esc50.audio.files.decoders import _sane, open_streams
from esc50.audio.files.read import duration, read_sound
from esc50.audio.files.streams import AvStream, SoundfileStream
from esc50.errors import UserError
from tests.audio.made_files import RATE, flac_of_unknown_length, noise
from tests.conftest import TEST_DATA
from tests.faults.made_sounds import film

# Samples by another decoder (ffmpeg), and what is said of the file.
ODD = {
    "pipe_vbr.mp3": 133_632,
    "vbr_noxing.mp3": 133_632,
    "chained.ogg": 264_600,
    "len_sox_7ffff000.wav": 8820,
    "len_int32max.wav": 8820,
    "len_arecord_80000000.wav": 8820,
    "len0.wav": 8820,
    "streamed.flac": 8820,
    "antiphase.wav": 13_230,
}


def odd(name):
    path = TEST_DATA / "odd" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def streams(path):
    with path.open("rb") as file:
        found, _ = open_streams(path, file)
        return found


@pytest.mark.parametrize(("name", "samples"), ODD.items())
def test_files_that_went_wrong_are_read_to_their_end(name, samples):
    path = odd(name)
    assert round(duration(path) * RATE) == samples
    sound = read_sound(path, RATE, samples + 1000)
    assert not sound.samples[samples:].any()
    if name == "antiphase.wav":
        assert sound.remarks == (CANCELLED,)
    else:
        assert sound.samples[samples - 2000 : samples].any() and not sound.remarks


def test_half_an_rf64_is_refused():
    with pytest.raises(UserError, match="is truncated"):
        read_sound(odd("cut_rf64.wav"), RATE, RATE)


def test_a_chain_reads_on_from_any_place_whatever_rate_its_links_have(tmp_path):
    rng = np.random.default_rng(0)
    parts = []
    for rate in (RATE, 22_050):
        path = tmp_path / f"{rate}.ogg"
        soundfile.write(path, rng.uniform(-0.3, 0.3, rate), rate, subtype="VORBIS")
        parts.append((path, read_sound(path, RATE, RATE).samples))
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join(path.read_bytes() for path, _ in parts))
    with pytest.raises(UserError, match="changes its rate or channels midway"):
        duration(chain)
    whole = read_sound(chain, RATE, 2 * RATE).samples
    np.testing.assert_allclose(whole, np.concatenate([part for _, part in parts]), atol=1e-6)
    late = read_sound(chain, RATE, RATE, start=1.0).samples
    np.testing.assert_allclose(late, parts[1][1], atol=1e-6)


def test_a_chain_is_the_sum_of_its_links_by_ffmpeg_too():
    """FFmpeg makes 128 samples more of the whole, not of the links: it lets the second stream's
    first block overlap with the first one's last, where the Vorbis specification starts anew."""
    av = pytest.importorskip("av")
    whole = odd("chained.ogg").read_bytes()
    links = [whole[:29_417], whole[29_417:]]

    def decoded(content):
        with av.open(io.BytesIO(content)) as container:
            return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])

    apart = np.concatenate([decoded(link) for link in links])
    ours = read_sound(odd("chained.ogg"), RATE, len(apart)).samples
    assert len(apart) == 264_600 and len(decoded(whole)) == 264_728
    np.testing.assert_allclose(ours, apart, atol=1e-6)


def test_a_flac_of_unknown_length_is_read_from_any_place(tmp_path):
    path = tmp_path / "a.flac"
    sound = np.round(noise(3 * RATE) * 32768) / 32768
    flac_of_unknown_length(path, sound)
    assert streams(path)[0].frames is None
    np.testing.assert_allclose(read_sound(path, RATE, 3 * RATE).samples, sound, atol=1e-6)
    part = read_sound(path, RATE, RATE, start=1.5).samples
    np.testing.assert_allclose(part, sound[66_150:110_250], atol=1e-6)


@pytest.mark.parametrize("codec", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_32"])
def test_compressed_codecs_in_a_wav_are_read(tmp_path, codec):
    path = tmp_path / "a.wav"
    sound = 0.5 * np.sin(np.arange(8001) / 5)
    soundfile.write(path, sound, 8000, subtype=codec)
    assert streams(path)[0].frames is None
    decoded = read_sound(path, 8000, 8001).samples
    assert np.corrcoef(decoded, sound)[0, 1] > 0.9
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(UserError, match="is truncated"):
        read_sound(path, 8000, 8001)


def test_a_rate_that_cannot_be_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), RATE)
    whole = bytearray(path.read_bytes())
    whole[24:28] = struct.pack("<I", 2**31 - 1)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="damaged: it has a sample rate of 2147483647 Hz"):
        read_sound(path, RATE, RATE)


def test_what_libsndfile_does_not_read_pyav_does(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.m4a"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    (stream,) = streams(path)
    assert isinstance(stream, AvStream) and stream.channels == 2 and stream.rate == RATE
    assert duration(path) == pytest.approx(1, abs=0.1)
    middle = read_sound(path, RATE, 4000, start=0.5).samples
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(4000)))
    assert spectrum.argmax() * RATE / 4000 == pytest.approx(440, abs=12)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


def test_a_playlist_opens_no_other_file(tmp_path):
    pytest.importorskip("av")
    soundfile.write(tmp_path / "b.wav", np.zeros(100), RATE)
    (tmp_path / "a.m4a").write_text("ffconcat version 1.0\nfile b.wav\n")
    with pytest.raises(UserError, match="nor one that FFmpeg reads"):
        read_sound(tmp_path / "a.m4a", RATE, RATE)


def test_an_ordinary_file_goes_the_short_way(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), RATE)
    (stream,) = streams(tmp_path / "a.wav")
    assert isinstance(stream, SoundfileStream) and stream.frames == 100


def test_the_remark_of_a_container_is_passed_on(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, RATE), RATE, subtype="VORBIS")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"OggS")])
    with path.open("rb") as file:
        assert open_streams(path, file)[1] == UNMARKED


def test_a_film_of_a_codec_that_nobody_knows_is_refused(tmp_path):
    pytest.importorskip("av")
    path = tmp_path / "a.m4a"
    path.write_bytes(film().replace(b"mp4a", b"zzzz").replace(b"\x40\x15", b"\xfe\x15"))
    with pytest.raises(UserError, match="a codec that FFmpeg does not read"):
        read_sound(path, RATE, RATE)


def test_the_rate_of_a_film_is_looked_at_too(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "a.m4a"
    path.write_bytes(film())
    with av.open(str(path)) as container:
        stream = AvStream(path, container, container.streams.audio[0])
        stream.rate = 2**31 - 1
        with pytest.raises(UserError, match="damaged: it has a sample rate of 2147483647 Hz"):
            _sane(path, stream)

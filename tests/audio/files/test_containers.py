import io
import struct
import time

import numpy as np
import pytest
import soundfile

from esc50.audio.files.containers import UNMARKED, Extent, View, examine
from esc50.audio.files.read import read_sound
from esc50.errors import UserError

RATE, N = 44_100, 8820
SOUND = np.round(np.random.default_rng(0).uniform(-0.5, 0.5, N) * 32768) / 32768
FORMATS = {
    "a.wav": "WAV",
    "b.wav": "RF64",
    "a.w64": "W64",
    "a.au": "AU",
    "a.nist": "NIST",
    "a.caf": "CAF",
    "a.aiff": "AIFF",
    "a.svx": "SVX",
    "a.wavx": "WAVEX",
}


def write(path, kind, channels=1):
    sound = np.repeat(SOUND[:, None], channels, 1)
    soundfile.write(path, sound, RATE, format=kind, subtype="PCM_16")
    return path.read_bytes()


@pytest.mark.parametrize(("name", "kind"), FORMATS.items())
def test_every_container_is_read_whole_and_refused_when_it_is_cut(tmp_path, name, kind):
    path = tmp_path / name
    whole = write(path, kind)
    samples = read_sound(path, RATE, N).samples
    np.testing.assert_allclose(samples, SOUND, atol=1e-6)
    for part in (0.5, 0.98):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(UserError, match="is truncated: the file ends before its sound does"):
            read_sound(path, RATE, N)


def with_length(whole: bytes, length: int, riff: int | None = None) -> bytes:
    at = whole.find(b"data") + 4
    patched = whole[:at] + struct.pack("<I", length) + whole[at + 4 :]
    return patched if riff is None else patched[:4] + struct.pack("<I", riff) + patched[8:]


@pytest.mark.parametrize(
    "length",
    [0, 0xFFFF_FFFF, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0x7FFF_FFDB, 2 * N + 36, 2 * N + 1],
)
def test_of_a_wav_whose_length_is_a_placeholder_all_is_read(tmp_path, length):
    path = tmp_path / "a.wav"
    whole = write(path, "WAV")
    for riff in (None, 0, 0xFFFF_FFFF):
        path.write_bytes(with_length(whole, length, riff))
        np.testing.assert_allclose(read_sound(path, RATE, N).samples, SOUND, atol=1e-6)


def test_a_wav_that_really_is_empty_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    head = with_length(write(path, "WAV")[:44], 0)
    for tail in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
        path.write_bytes(head + tail)
        with pytest.raises(UserError, match="is empty: it holds no samples"):
            read_sound(path, RATE, N)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_a_header_followed_by_zeros_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "a.snd"
    whole = write(path, kind)
    path.write_bytes(whole[: whole.find(b"data" if kind == "WAV" else b"SSND")] + bytes(64 << 20))
    begin = time.process_time()
    with pytest.raises(UserError):
        read_sound(path, RATE, N)
    assert time.process_time() - begin < 1


def test_an_ogg_is_walked_page_by_page(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, SOUND, RATE, format="OGG", subtype="VORBIS")
    whole = path.read_bytes()

    def of(content):
        path.write_bytes(content)
        with path.open("rb") as file:
            return examine(path, file)

    assert of(whole).extents == () and of(whole).remark is None
    assert of(whole + b"junk" * 99).extents == () and of(whole + b"junk" * 99).remark is None
    assert [(e.start, e.end) for e in of(whole * 2).extents] == [
        (0, len(whole)),
        (len(whole), 2 * len(whole)),
    ]
    assert of(whole[: whole.rfind(b"OggS")]).remark == UNMARKED
    for cut in (len(whole) - 1, whole.rfind(b"OggS") + 20):
        with pytest.raises(UserError, match="is truncated"):
            of(whole[:cut])


def test_a_view_shows_a_stretch_with_its_patches():
    view = View(io.BytesIO(b"0123456789"), Extent(2, 8, {1: b"xy", 5: b"z"}, beyond=4))
    assert view.read(3) == b"2xy" and view.tell() == 3
    assert view.read(10) == b"56z" and view.read(10) == b""
    assert view.seek(-2, io.SEEK_END) == 8 and view.read(2) == b"\0\0"
    assert view.seek(1) == 1 and view.seek(1, io.SEEK_CUR) == 2 and view.read(1) == b"y"


def test_a_length_beyond_what_can_be_sought_is_no_sound(tmp_path):
    path = tmp_path / "a.w64"
    whole = bytearray(write(path, "W64"))
    whole[56:64] = b"\xff" * 8  # of the chunk fmt
    path.write_bytes(whole)
    with path.open("rb") as file:
        assert examine(path, file).extents == ()
    with pytest.raises(UserError):
        read_sound(path, RATE, N)


def test_a_sphere_that_begins_before_the_file_is_left_to_the_decoder(tmp_path):
    path = tmp_path / "a.sph"
    whole = write(path, "NIST")
    whole = whole.replace(b"   1024", b"  -1024", 1).replace(b"count -i", b"count -i 0 ", 1)
    path.write_bytes(whole)
    with path.open("rb") as file:
        assert examine(path, file).extents == ()


def test_of_more_than_a_length_can_say_all_is_read(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(with_length(write(path, "WAV")[:44], 0) + b"\xff" * 99)
    with path.open("rb+") as file:
        file.truncate(5 << 30)  # takes no room on the disk
    with path.open("rb") as file:
        ((extent,),) = [examine(path, file).extents]
    assert extent.patches == {40: b"\xff" * 4}

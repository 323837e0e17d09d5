"""Sound files of kinds whose length is unknown, and damage to them."""

import numpy as np
import pytest
import soundfile

RATE = 44_100


def flac_of_unknown_length(path, sound) -> bytes:
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    whole = bytearray(path.read_bytes())
    whole[21] &= 0xF0  # STREAMINFO's 36 bits of total samples
    whole[22:26] = bytes(4)
    path.write_bytes(whole)
    return bytes(whole)


def mp3_without_count(path, sound) -> bytes:
    soundfile.write(path, sound, RATE, bitrate_mode="CONSTANT", compression_level=0.7)
    whole = path.read_bytes()
    start = whole.find(whole[:2], whole.find(b"Info"))
    path.write_bytes(whole[start:])
    return whole[start:]


def encoded(path, codec, sound) -> bytes:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=48_000, layout="mono")
        track.codec_context.open()
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate = 48_000
        encoder = track.codec_context
        even = av.AudioResampler(encoder.format, "mono", 48_000, frame_size=encoder.frame_size)
        for part in (*even.resample(frame), *even.resample(None), None):
            container.mux(track.encode(part))
    return path.read_bytes()


def noise(n):
    return np.random.default_rng(0).uniform(-0.5, 0.5, n)


def damaged(whole: bytes, size: int = 200, seed: int = 0) -> bytes:
    at = int(0.6 * len(whole))
    return whole[:at] + np.random.default_rng(seed).bytes(size) + whole[at + size :]

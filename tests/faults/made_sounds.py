"""Short made-up sounds in each format that is read, to be damaged; and chunks without an end."""

import io
import struct
from functools import cache
from importlib.util import find_spec

import numpy as np
import soundfile

FORMATS = [
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "FLOAT"),
    ("wav", "WAV", "ULAW"),
    ("wav", "WAV", "IMA_ADPCM"),
    ("wav", "WAV", "MS_ADPCM"),
    ("wav", "WAV", "GSM610"),
    ("wav", "WAVEX", "PCM_24"),
    ("aiff", "AIFF", "PCM_16"),
    ("aifc", "AIFF", "IMA_ADPCM"),
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
    ("rf64", "RF64", "PCM_16"),
    ("w64", "W64", "PCM_16"),
    ("au", "AU", "PCM_16"),
    ("caf", "CAF", "PCM_16"),
    ("caf", "CAF", "ALAC_16"),
    ("sph", "NIST", "PCM_16"),
    ("wav", "SVX", "PCM_16"),
    ("wav", "VOC", "PCM_16"),
    ("wav", "IRCAM", "PCM_16"),
    ("wav", "MAT5", "PCM_16"),
    ("wav", "PVF", "PCM_16"),
]


@cache
def encoded(container: str, codec: str, channels: int) -> bytes:
    """A fifth of a second of a tone in noise at 8 kHz."""
    time = np.arange(1600) / 8000
    noise = np.random.default_rng(1).standard_normal((1600, channels))
    file = io.BytesIO()
    file.name = f"sound.{container.lower()}"
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)[:, None] + 0.05 * noise
    soundfile.write(file, tone, 8000, format=container, subtype=codec)
    return file.getvalue()


@cache
def film() -> bytes | None:
    """The like as AAC in MP4; None without PyAV."""
    if find_spec("av") is None:
        return None
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        samples = 0.3 * np.sin(np.arange(4096) / 3).astype(np.float32)[None]
        for begin in range(0, 4096, 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, begin : begin + 1024]), "fltp", "mono"
            )
            frame.sample_rate, frame.pts = 8000, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def chunk_loop(kind: str, size: int) -> bytes:
    """A WAV, AIFF or W64 whose chunks are all empty, so that a reader steps from one to the next.

    Args:
        kind: "wav", "aiff" or "w64".
        size: bytes of it.
    """
    if kind == "wav":
        head = b"RIFF" + struct.pack("<I", size) + b"WAVE"
    elif kind == "aiff":
        head = b"FORM" + struct.pack(">I", size) + b"AIFF"
    else:
        guid = bytes.fromhex("2e91cf11a5d628db04c10000")
        wave = b"wave" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
        head = b"riff" + guid + struct.pack("<Q", size) + wave
    return head + bytes(size - len(head))

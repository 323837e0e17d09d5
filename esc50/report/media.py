"""Sounds and pictures as data: URIs, small enough to stand in a page by the hundred."""

import base64
import io
import math
from functools import cache
from itertools import pairwise

import numpy as np

from esc50.audio.files.channels import Channel
from esc50.audio.files.read import read_sound
from esc50.audio.spec import PictureSpec
from esc50.errors import UserError

OPUS_RATE = 48_000  # Hz, one of the rates that Opus knows, and the only one with the whole band
COMPRESSION = 0.9  # of libsndfile's 0..1: some 30 kbit/s of one channel
MP3_RATE, MP3_COMPRESSION = 22_050, 0.9  # Hz, and libsndfile's 0..1: some 28 kbit/s
WHOLE = (0.0, math.inf)  # seconds of a file: from its beginning to its end
FADE_SECONDS = 0.005  # at a cut, which would click


def clip_sound(
    path: object, seconds: float, channel: Channel = None, span: tuple[float, float] = WHOLE
) -> str | None:
    """Make a player's source of the beginning of a clip; None where the clip is gone or damaged.

    Args:
        path: of the sound file.
        seconds: at the most.
        channel: that the features are of, see `read_sound`.
        span: seconds of the file that the clip lies between.
    """
    n_samples = math.ceil(seconds * OPUS_RATE)
    try:
        sound = read_sound(str(path), OPUS_RATE, n_samples, span[0], channel, span[1])
    except UserError:
        return None
    return sound_uri(sound.samples, OPUS_RATE)


def quick_sound(
    path: object, span: tuple[float, float], seconds: float, channel: Channel = None
) -> str | None:
    """Make the same in a fifth of the time, for a page that a run waits for: MP3, to 11 kHz.

    Args:
        path: of the sound file.
        span: seconds of the file that the clip lies between.
        seconds: of the clip, at the most.
        channel: that the features are of, see `read_sound`.
    """
    import soundfile

    n_samples = math.ceil(seconds * MP3_RATE)
    try:
        samples = read_sound(str(path), MP3_RATE, n_samples, span[0], channel, span[1]).samples
    except UserError:
        return None
    file = io.BytesIO()
    soundfile.write(
        file, np.clip(samples, -1, 1), MP3_RATE, format="MP3", compression_level=MP3_COMPRESSION
    )
    return _uri("audio/mpeg", file.getvalue())


def sound_uri(samples: np.ndarray, sample_rate: int) -> str:
    """Encode sound as Ogg Opus in a data: URI, some 5 kB per second.

    Args:
        samples: float32 (n,), full scale at -1 and 1; beyond it is clipped.
        sample_rate: Hz.
    """
    import soundfile
    import soxr

    if sample_rate != OPUS_RATE:
        samples = soxr.resample(samples, sample_rate, OPUS_RATE, quality="HQ")
    samples = np.clip(np.trim_zeros(samples, "b"), -1, 1)
    if not samples.size:
        samples = np.zeros(OPUS_RATE // 10, np.float32)
    fade = np.linspace(1, 0, min(len(samples), round(FADE_SECONDS * OPUS_RATE)), dtype=np.float32)
    samples[len(samples) - len(fade) :] *= fade
    file = io.BytesIO()
    soundfile.write(
        file, samples, OPUS_RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION
    )
    return _uri("audio/ogg", file.getvalue())


def logmel_uri(logmel: np.ndarray, low: float | None = None, high: float | None = None) -> str:
    """Draw a log-mel as a PNG in a data: URI, low frequencies below, in the colours of viridis.

    Args:
        logmel: float (height, width), the first row the lowest frequency.
        low: the value that is darkest; None: the picture's own least.
        high: the value that is brightest; None: the picture's own greatest.
    """
    from PIL import Image

    low = float(logmel.min()) if low is None else low
    high = float(logmel.max()) if high is None else high
    scaled = (logmel - low) / max(high - low, 1e-6)
    image = Image.fromarray((np.clip(scaled[::-1], 0, 1) * 255).round().astype(np.uint8))
    image.putpalette(_viridis())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return _uri("image/png", file.getvalue())


def picture_seconds(spec: PictureSpec) -> float:
    """How long the time axis of a picture of these features is."""
    return spec.frames * spec.hop_length / spec.sample_rate


def waveform_path(samples: np.ndarray, columns: int = 160) -> str:
    """Outline a waveform as an SVG path in a box of `columns` by 2, full scale at its edges.

    Args:
        samples: float32 (n,).
        columns: across which the least and greatest sample of each stretch are drawn.
    """
    ends = np.linspace(0, len(samples), columns + 1).astype(int)
    parts = [samples[a : max(b, a + 1)] for a, b in pairwise(ends)]
    high = [1 - float(np.clip(part.max(initial=0), 0, 1)) for part in parts]
    low = [1 - float(np.clip(part.min(initial=0), -1, 0)) for part in parts]
    there = [f"{x} {y:.2f}" for x, y in enumerate(high)]
    back = [f"{x} {y + 0.01:.2f}" for x, y in reversed(list(enumerate(low)))]  # silence is a line
    return f"M{'L'.join(there + back)}Z"


@cache
def _viridis() -> bytes:
    from matplotlib import colormaps

    return (colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"

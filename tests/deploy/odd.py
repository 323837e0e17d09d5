"""Files as people send them: made in a folder, with the status that each deserves."""

from pathlib import Path

import numpy as np
import soundfile


def write_odd_files(folder: Path) -> dict[Path, int]:
    """Write two dozen files; returns the HTTP status of each."""
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) + 0.01 * rng.normal(size=8000)
    loud, stereo = np.clip(tone * 10, -1, 1), np.stack([tone, 0.5 * tone], 1)
    nan = tone.copy()
    nan[4000] = np.nan
    fine = {
        "8khz.wav": (tone, 8000),
        "96khz.wav": (tone, 96_000),
        "stereo.wav": (stereo, 8000),
        "antiphase.wav": (np.stack([tone, -tone], 1), 8000),
        "8 channels.wav": (np.tile(tone[:, None], 8), 8000),
        "24bit.wav": (tone, 8000, "PCM_24"),
        "float.wav": (10 * tone, 8000, "FLOAT"),
        "double.wav": (tone, 8000, "DOUBLE"),
        "8bit.wav": (tone, 8000, "PCM_U8"),
        "alaw.wav": (tone, 8000, "ALAW"),
        "a.flac": (tone, 44_100),
        "a.mp3": (tone, 44_100),
        "a.ogg": (tone, 8000, "VORBIS"),
        "a.opus": (tone, 48_000, "OPUS"),
        "a.aiff": (tone, 8000),
        "0.2s.wav": (tone[:1600], 8000),
        "one sample.wav": (tone[:1], 8000),
        "silence.wav": (0 * tone, 8000),
        "dc.wav": (0 * tone + 0.5, 8000),
        "clipped.wav": (loud, 8000),
        "<img src=x onerror=alert(1)>.wav": (tone, 8000),
        "Straße 音.flac": (tone, 8000),
        "no suffix": (tone, 8000),
    }
    statuses = {}
    for name, (samples, rate, *subtype) in fine.items():
        path, kind = folder / name, {".opus": "OGG", "": "WAV"}.get(Path(name).suffix)
        soundfile.write(path, samples, rate, *subtype, format=kind)
        statuses[path] = 200
    soundfile.write(folder / "ten minutes.wav", np.tile(tone, 600), 8000)
    soundfile.write(folder / "nan.wav", nan, 8000, "FLOAT")
    soundfile.write(folder / "no samples.wav", tone[:0], 8000)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is no sound.\n" * 100)
    (folder / "noise.mp3").write_bytes(rng.bytes(5000))
    whole = (folder / "8khz.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "header.wav").write_bytes(whole[:30])
    for name in ("nan", "no samples", "empty", "text", "cut", "header"):
        statuses[folder / f"{name}.wav"] = 422
    return {**statuses, folder / "noise.mp3": 422, folder / "ten minutes.wav": 413}

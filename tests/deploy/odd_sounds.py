"""Sound files of many kinds, and some that are none."""

from pathlib import Path

import numpy as np
import soundfile

# Name -> seconds.
GOOD = {
    "44k.wav": 0.5, "8k.wav": 0.5, "96k.wav": 0.5, "stereo.wav": 0.5, "antiphase.wav": 0.5,
    "24bit.wav": 0.5, "float.wav": 0.5, "sound.mp3": 0.5, "sound.flac": 0.5, "sound.opus": 0.5,
    "alaw.wav": 0.5, "short.wav": 0.2, "10min.wav": 600, "minute.wav": 60,
    "silence.wav": 0.5, "dc.wav": 0.5,
}  # fmt: skip
# Name -> what is said of it.
BAD = {
    "nan.wav": "holds samples that are NaN, infinite or beyond",
    "empty.wav": "is empty",
    "text.wav": "is not audio",
    "folder.wav": "holds no sound files",
    "broken.wav": "cannot be read: No such file or directory",
}


def make_odd_sounds(folder: Path) -> Path:
    """Write all of `GOOD` and `BAD` into a folder, and `forbidden.wav`, which may not be read."""

    def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
        time = np.arange(round(rate * seconds)) / rate
        return 0.3 * np.sin(2 * np.pi * 340 * time) * (1 + np.sin(2 * np.pi * 5 * time)) / 2

    def write(name: str, sound: np.ndarray, rate: int = 44100, **options: str) -> None:
        soundfile.write(folder / name, sound, rate, **options)

    stereo = np.stack([tone(44100)] * 2, axis=1)
    for name, rate in (("44k.wav", 44100), ("8k.wav", 8000), ("96k.wav", 96000)):
        write(name, tone(rate), rate)
    write("stereo.wav", stereo)
    write("antiphase.wav", stereo * [1, -1])
    write("24bit.wav", tone(44100), subtype="PCM_24")
    write("float.wav", tone(44100), subtype="FLOAT")
    write("sound.mp3", tone(44100))
    write("sound.flac", tone(44100))
    write("sound.opus", tone(48000), 48000, format="OGG", subtype="OPUS")
    write("alaw.wav", tone(8000), 8000, subtype="ALAW")
    write("short.wav", tone(44100, 0.2))
    write("10min.wav", tone(8000, 600), 8000)
    write("minute.wav", tone(8000, 60), 8000)
    write("silence.wav", np.zeros(22050))
    write("dc.wav", np.full(22050, 0.5))
    write("nan.wav", np.full(22050, np.nan), subtype="FLOAT")
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("these are words\n" * 100)
    (folder / "folder.wav").mkdir()
    (folder / "broken.wav").symlink_to(folder / "gone.wav")
    write("forbidden.wav", tone(8000), 8000)
    (folder / "forbidden.wav").chmod(0)
    return folder

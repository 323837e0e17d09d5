"""A data set with all that can be wrong with one, and a run; the pages about them."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import SMALL_FEATURES

EVIL = ("<script>alert(1)</script>", "=1+1", "x" * 200, "a\x07b\x1b[31m", "plain")
RATE = 8000
CLASSES = ("<script>alert(1)</script>", "=cmd|' /C calc'!A0", "n" * 200, "plain")


@pytest.fixture(scope="session")
def odd_clips(tmp_path_factory) -> Path:
    """Forty clips of four classes with odd names, in ESC-50 layout.

    Of the last class, clip 0 of fold 1 is there again in fold 2 and, a little fainter, in fold 3;
    the clip 1 of fold 1 is silent, of fold 2 clipped, of fold 3 stereo, of fold 4 damaged.
    """
    root = tmp_path_factory.mktemp("odd")
    (root / "audio").mkdir()
    (root / "meta").mkdir()
    rows = [("filename", "fold", "target", "category")]
    time = np.arange(4000) / RATE
    for fold in range(1, 6):
        for target, category in enumerate(CLASSES):
            for number in range(2):
                name = f"{fold}-{fold}{target}{number}-A-{target}.wav"
                rng = np.random.default_rng([fold, target, number])
                pitch = 200 * 1.7**target * rng.uniform(0.9, 1.1)
                clip = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-time * rng.uniform(0, 9))
                clip += rng.uniform(0.001, 0.05) * rng.standard_normal(4000)
                soundfile.write(root / "audio" / name, clip, RATE)
                rows.append((name, fold, target, category))
    with (root / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    audio = root / "audio"
    first = audio / "1-130-A-3.wav"
    (audio / "2-230-A-3.wav").write_bytes(first.read_bytes())
    samples, _ = soundfile.read(first)
    soundfile.write(audio / "3-330-A-3.wav", 0.9 * samples, RATE)
    soundfile.write(audio / "1-131-A-3.wav", np.zeros(4000), RATE)
    soundfile.write(audio / "2-231-A-3.wav", np.clip(9 * samples, -1, 1), RATE)
    soundfile.write(audio / "3-331-A-3.wav", np.stack([samples, samples], 1), RATE)
    (audio / "4-431-A-3.wav").write_bytes(b"RIFF")
    return root


@pytest.fixture(scope="session")
def odd_config(odd_clips, tmp_path_factory):
    """Composes conf/explore.yaml for `odd_clips`, as plain dictionaries."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from esc50.config.choices import CONF

    out = tmp_path_factory.mktemp("explored")
    mine = [
        f"data.root={odd_clips}",
        f"data.cache_dir={out / 'cache'}",
        f"output_dir={out}",
        *SMALL_FEATURES,
        "reduction=pca",
    ]

    def make(*overrides: str) -> dict:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            cfg = compose("explore", [*mine, *overrides])
        return OmegaConf.to_container(cfg, resolve=True)

    return make


@pytest.fixture(scope="session")
def explored(odd_config):
    """The `Exploration` of `odd_clips`, its page written."""
    from esc50.report.exploration.report import Exploration

    exploration = Exploration(odd_config(), "<odd>")
    exploration.write()
    return exploration


@pytest.fixture(scope="session")
def reported(tiny_run, tmp_path_factory):
    """The folder of a finished run on `tiny`, with its report."""
    from esc50.report.run.report import write_report

    folder = tmp_path_factory.mktemp("reported") / "run"
    shutil.copytree(tiny_run, folder)
    write_report(folder)
    return folder


@pytest.fixture
def hostile(tmp_path, make_run):
    """A made-up run without sound, whose classes and clips have names that nobody should give."""
    folder = make_run(tmp_path / "hostile", leaky=True, experiment="<img src=x onerror=alert(2)>")
    path = folder / "predictions.csv"
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    header[4:] = EVIL
    rows[0][0] = "<b>\x00.wav"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder


def seen(page):
    """What of a page is neither script nor style."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)

"""The commands of docs/how-to/own-clips.md, on made-up clips that lie as the page says."""

import csv
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

from esc50.config.composition import compose_config
from esc50.data.datamodule import ESC50DataModule
from tests.conftest import REPOSITORY

OTHER = """+experiment=augmented split.fold=all monitor=val/acc_balanced
    class_weights=balanced""".split()
PAGE = (REPOSITORY / "docs" / "how-to" / "own-clips.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
# What the data of a command depend on.
OPENED = {tuple(word for word in command[2:] if word not in OTHER): None for command in COMMANDS}
# At 64 x 64 a last batch of one clip, which random copies may leave, is enough for batch norm.
SMALL = """features.sample_rate=8000 features.n_fft=512 features.hop_length=128 features.n_mels=64
    features.height=64 features.width=64""".split()
FAST = "trainer.max_epochs=1 trainer.accelerator=cpu batch_size=8 callbacks.images=null".split()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Clips of 0.5 to 4 s, mono and stereo, of mixed rates, in the layouts of the page."""
    root = tmp_path_factory.mktemp("own clips, a=b")
    rng = np.random.default_rng(0)

    def write(path, low, seconds=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        rate = int(rng.choice([8000, 11_025, 16_000]))
        n = int(rate * (seconds or rng.uniform(0.5, 4)))
        tone = 0.3 * np.sin(2 * np.pi * 200 * (1 + low) * np.arange(n) / rate)
        sound = tone[:, None] + 0.03 * rng.standard_normal((n, rng.integers(1, 3)))
        soundfile.write(path, sound, rate)

    for low, name in enumerate(("door", "engine", "Große Säge")):
        for number in range(6):
            write(root / "sounds" / name / f"{name} ({number}).wav", low)
            for side in ("train", "val", "test"):
                write(root / "sorted" / side / name / f"{number}.flac", low)
        (root / "sounds" / name / f"._{name} (0).wav").touch()
        for number in range(2):
            write(root / "tapes" / name / f"tape{number}.wav", low, seconds=9)
    rows = [("file", "species", "recorder")]
    for low, name in enumerate(("blackbird", "robin")):
        for number in range(12):
            rows.append((f"{name}/{number},b.wav", name, f"{name}{number // 2}"))
            write(root / "birds" / name / f"{number},b.wav", low)
    with (root / "birds" / "clips.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    rows = ["Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tSpecies"]
    for number in range(6):
        write(root / "field" / f"tape{number}.wav", number, seconds=9)
        for at in range(4):
            where = f"{2 * at + 0.25}\t{2 * at + 1.5 + at / 4}\ttape{number}.wav"
            rows.append(f"{at}\t{where}\t{('blackbird', 'robin')[at % 2]}")
    (root / "field" / "selections.txt").write_text("\n".join(rows))
    rows = [("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")]
    for fold in range(1, 11):
        for low, name in enumerate(("dog_bark", "siren")):
            clip = f"{fold}{low}-{low}-0-0.wav"
            rows.append((clip, f"{fold}{low}", "0", "4", "1", str(fold), str(low), name))
            write(root / "UrbanSound8K" / "audio" / f"fold{fold}" / clip, low)
    (root / "UrbanSound8K" / "metadata").mkdir()
    with (root / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.mark.parametrize("overrides", OPENED, ids=" ".join)
def test_the_data_of_each_command_are_read_and_split(overrides, place, monkeypatch):
    monkeypatch.chdir(place)
    cfg = compose_config([*overrides, *SMALL, "augment=none"])
    data = ESC50DataModule.from_config(OmegaConf.to_container(cfg, resolve=True))
    data.setup()
    assert not data.audit.leaky and len(data.table.classes) in (2, 3)
    batch = next(iter(data.train_dataloader()))
    assert batch["x"].shape[1:] == (1, 64, 64)
    if "data.windows=1" in overrides:
        assert len(data.table) == 6 * 8 and data.table.filenames[1].endswith("#t=1")
    if "data.table=field/selections.txt" in overrides:
        assert len(data.table) == 24 and data.table.filenames[5] == "tape1.wav#t=2.25,3.75"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words[2:6]))
def test_each_command_runs(command, place):
    settings = [*SMALL, *FAST] if command[1] == "train.py" else SMALL
    settings = [s for s in settings if s.partition("=")[0] not in " ".join(command)]
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / command[1]), *command[2:], *settings],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

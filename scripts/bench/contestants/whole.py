"""The published pipeline as one plain script: files, copies by librosa, training, test accuracy.

    PYTHONPATH=scripts python -m bench.contestants.whole CLIPS FOLDER EPOCHS

Split, clips copied and what is done to each copy are those of `train.py +experiment=augmented`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from bench.contestants.published import Files, Training, change, load, picture
from esc50.audio.augment_params import make_recipe
from esc50.config.choices import CONF
from esc50.data.datamodule import DRAW_COPIES
from esc50.data.split import SplitSettings, draw_split
from esc50.data.tables.table import read_table


def main(clips: str, folder: str, epochs: str) -> None:
    """Make features and copies, train, test once, print a line of JSON."""
    table, npy = read_table(Path(clips)), Path(folder)
    npy.mkdir(parents=True)
    config = OmegaConf.load(CONF / "train.yaml")
    options: Any = OmegaConf.to_container(OmegaConf.load(CONF / "augment" / "published.yaml"))
    recipe = make_recipe(options)
    rng = np.random.default_rng([config.seed, DRAW_COPIES])
    clip_of_copy, params = recipe.sample_copies(len(table), rng)
    settings = SplitSettings(protocol="official", fold=1)
    split = draw_split(table, settings, config.seed, clip_of_copy)
    used = split.train[split.train >= len(table)]

    paths = [npy / f"{item}.npy" for item in range(len(split.clip_of))]
    sounds = table.paths
    for clip, path in enumerate(sounds):
        np.save(paths[clip], picture(*load(path)))
    for item in used:
        y, sr = load(sounds[split.clip_of[item]])
        row = item - len(table)
        done = (params.rate[row], params.pitch[row], params.noise_std[row])
        y = change(y, sr, *(number.item() for number in done))
        np.save(paths[item], picture(y, sr))

    def loader(items: np.ndarray, shuffle: bool = False) -> DataLoader:
        targets = table.targets[split.clip_of[items]].tolist()
        files = Files([paths[item] for item in items], targets)
        return DataLoader(files, batch_size=config.batch_size, shuffle=shuffle)

    training = Training(len(table.classes))
    train, val = loader(split.train, shuffle=True), loader(split.val)
    validated = []
    for _ in range(int(epochs)):
        training.epoch(train)
        accuracy = training.accuracy(val)
        validated.append((time.time(), accuracy))
    tested = training.accuracy(loader(split.test))
    print(json.dumps({"n_train": len(split.train), "test/acc": tested, "epochs": validated}))


if __name__ == "__main__":
    main(*sys.argv[1:])

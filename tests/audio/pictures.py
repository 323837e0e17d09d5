"""Log-mels of batches, and changes made of them by hand."""

from pathlib import Path

import torch
from omegaconf import OmegaConf

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams, make_recipe
from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec

CONF = Path(__file__).parents[2] / "conf" / "augment"


WHOLE = FeatureSpec(frames=431, width=431, standardise="fixed")


def make(config, spec=WHOLE, **changes):
    return Augment(
        spec,
        make_recipe(OmegaConf.to_container(OmegaConf.load(CONF / f"{config}.yaml")) | changes),
    )


def sampled(n, **columns):
    params = AugmentParams.neutral(n)
    for name, value in columns.items():
        getattr(params, name)[:] = value
    return params


def analysed(waveforms, spec=WHOLE):
    front_end = LogMel(spec)
    picture, magnitude, peak = zip(*map(front_end, waveforms), strict=True)
    return torch.stack(magnitude), torch.stack(peak), torch.stack(picture)


def read(esc10, n):
    paths = sorted((esc10 / "audio").glob("*.ogg"))[:: 400 // n][:n]
    return [torch.from_numpy(read_clip(path, 44100, 220500)) for path in paths]

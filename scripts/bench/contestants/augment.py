"""Contestants that stretch, shift and add noise to a clip in memory, up to its log-mel.

All report milliseconds per example, on the processor. Decoding is left out for all; ours begins
with the cached spectrum, as training does.
"""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from bench.contest import Turns
from esc50.audio.augment import Augment
from esc50.audio.augment_params import make_recipe
from esc50.audio.files.read import read_clip
from esc50.audio.front_ends.logmel import LogMel
from esc50.audio.spec import FeatureSpec
from esc50.config.choices import CONF
from esc50.data.tables.table import read_table

BATCH = 64
TORCH_BATCH = 16  # what the batched waveform library is handed at a time
RATES, SEMITONES, NOISE_STD = (0.8, 1.25), 2, 0.005
ONLINE = CONF / "augment" / "online.yaml"


def ours(turns: Turns, clips: str, batches: int) -> None:
    """Batches of 64 through the code that training runs, every clip changed in all three ways."""
    spec = FeatureSpec()
    options: Any = OmegaConf.to_container(OmegaConf.load(ONLINE))
    options |= {key: 0.0 for key in options if key.endswith("_prob") or key == "gain_db"}
    options |= {"stretch_prob": 1.0, "pitch_prob": 1.0, "noise_prob": 1.0}
    options |= {"rate_min": RATES[0], "rate_max": RATES[1], "pitch_max": SEMITONES}
    options |= {"noise_std_min": NOISE_STD, "noise_std_max": NOISE_STD}
    augment, front_end = Augment(spec, make_recipe(options)), LogMel(spec)
    rng = np.random.default_rng(0)
    analysed = [front_end(torch.from_numpy(clip)) for clip in _waveforms(clips, BATCH)]
    filled = itertools.islice(itertools.cycle(analysed), BATCH)
    clean, magnitude, peak = map(torch.stack, zip(*filled, strict=True))

    def render() -> None:
        for _ in range(batches):
            params = augment.recipe.sample_params(BATCH, rng)
            augment.apply_params(magnitude, peak, clean, params)

    _take_turns(turns, render, batches * BATCH)


def limit(turns: Turns, clips: str, examples: int) -> None:
    """One bare rfft of a clip's frames."""
    spec = FeatureSpec()
    waveform = torch.from_numpy(_waveforms(clips, 1)[0])
    padded = torch.nn.functional.pad(waveform, (spec.n_fft // 2,) * 2)
    frames = padded.unfold(-1, spec.n_fft, spec.hop_length).contiguous()

    def transform() -> None:
        for _ in range(examples):
            torch.fft.rfft(frames)

    _take_turns(turns, transform, examples)


def librosa_offline(turns: Turns, clips: str, examples: int) -> None:
    """Librosa's time_stretch and pitch_shift, numpy's noise, librosa's mel, as published."""
    from bench.contestants.published import change, picture

    rng = np.random.default_rng(0)
    waveforms, sr = _waveforms(clips, examples), FeatureSpec().sample_rate

    def render() -> None:
        for y in waveforms:
            rate, steps = rng.uniform(*RATES), rng.choice((-2, -1, 1, 2))
            picture(change(y, sr, rate, steps, NOISE_STD), sr)

    _take_turns(turns, render, len(waveforms))


def audiomentations_offline(turns: Turns, clips: str, examples: int) -> None:
    """Audiomentations with its own (fastest) stretching, then librosa's mel, as published."""
    from audiomentations import AddGaussianNoise, Compose, PitchShift, TimeStretch

    from bench.contestants.published import picture

    change = Compose(
        [
            TimeStretch(*RATES, p=1.0),
            PitchShift(-SEMITONES, SEMITONES, p=1.0),
            AddGaussianNoise(NOISE_STD, NOISE_STD, p=1.0),
        ]
    )
    waveforms, sr = _waveforms(clips, examples), FeatureSpec().sample_rate

    def render() -> None:
        for y in waveforms:
            picture(change(samples=y, sample_rate=sr), sr)

    _take_turns(turns, render, len(waveforms))


def torchaudio_offline(turns: Turns, clips: str, examples: int) -> None:
    """Torchaudio's phase vocoder, PitchShift (one module per step, ready made) and mel."""
    from torchaudio import transforms

    spec, rng = FeatureSpec(), np.random.default_rng(0)
    waveforms = [torch.from_numpy(y) for y in _waveforms(clips, examples)]
    stft = transforms.Spectrogram(spec.n_fft, hop_length=spec.hop_length, power=None)
    stretch = transforms.TimeStretch(spec.hop_length, spec.n_fft // 2 + 1)
    inverse = transforms.InverseSpectrogram(spec.n_fft, hop_length=spec.hop_length)
    shifts = [transforms.PitchShift(spec.sample_rate, n) for n in (-2, -1, 1, 2)]
    mel = _torch_mel(spec)

    @torch.inference_mode()
    def render() -> None:
        for y in waveforms:
            y = inverse(stretch(stft(y), rng.uniform(*RATES)))
            y = shifts[rng.integers(len(shifts))](y)
            mel(y + NOISE_STD * torch.randn_like(y))

    with torch.inference_mode():
        for shift in shifts:
            shift(waveforms[0])  # makes its resampling kernel
    _take_turns(turns, render, len(waveforms))


def torch_audiomentations_online(turns: Turns, clips: str, examples: int) -> None:
    """torch-audiomentations on batches, then torchaudio's mel; it has no time stretch."""
    from torch_audiomentations import AddColoredNoise, Compose, PitchShift

    spec = FeatureSpec()
    shift = PitchShift(
        -SEMITONES, SEMITONES, p=1.0, sample_rate=spec.sample_rate, output_type="tensor"
    )
    noise = AddColoredNoise(10, 30, 0, 0, p=1.0, output_type="tensor")
    change = Compose([shift, noise], output_type="tensor")
    waveforms = torch.from_numpy(np.stack(_waveforms(clips, examples)))[:, None]
    mel = _torch_mel(spec)

    @torch.inference_mode()
    def render() -> None:
        for batch in waveforms.split(TORCH_BATCH):
            mel(change(batch, sample_rate=spec.sample_rate))

    _take_turns(turns, render, len(waveforms))


def _take_turns(turns: Turns, render: Callable[[], None], examples: int) -> None:
    render()
    while turns.wait():
        start = time.perf_counter()
        render()
        turns.report((time.perf_counter() - start) * 1000 / examples)


def _torch_mel(spec: FeatureSpec) -> torch.nn.Module:
    from torchaudio import transforms

    mel = transforms.MelSpectrogram(
        spec.sample_rate,
        spec.n_fft,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.nn.Sequential(mel, transforms.AmplitudeToDB(top_db=spec.top_db))


def _waveforms(clips: str, n: int) -> list[np.ndarray]:
    spec = FeatureSpec()
    paths = itertools.islice(itertools.cycle(read_table(Path(clips)).paths), n)
    return [read_clip(path, spec.sample_rate, spec.n_samples) for path in paths]

"""The front end of the classical baseline: MFCCs and the zero-crossing rate."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esc50.audio.front_ends.front_end import PictureFrontEnd
from esc50.audio.front_ends.logmel import Mfcc
from esc50.audio.kinds import MfccZcrSpec

_SILENT = 1e-10  # librosa's: samples no farther from zero are on neither side of it


class MfccZcr(PictureFrontEnd):
    """`librosa.feature.mfcc` without its 0th row, above `librosa.feature.zero_crossing_rate`.

    Of each frame, as Piczak has them: "ESC: Dataset for Environmental Sound Classification" (ACM MM
    2015). He counted zero crossings in stretches as long as a hop; these are librosa's frames.
    """

    dct: Tensor
    fourier: Any  # a `Fourier`, or what an export puts in its place

    def __init__(self, spec: MfccZcrSpec) -> None:
        """Take over the operators of the MFCC's front end."""
        mfcc: Any = Mfcc(spec.mfcc)
        super().__init__(spec, mfcc.fourier.window)
        self._filters: nn.Module = mfcc._filters
        self.register_buffer("dct", mfcc.dct[1:].clone(), persistent=False)

    def rows(self, waveform: Tensor) -> Tensor:
        """Power in each mel band, float32 (..., n_mels, T), of float32 (..., n_samples)."""
        rows: Tensor = self._filters(self.fourier.power(waveform))
        return rows

    @torch.no_grad()
    def features(self, waveform: Tensor) -> Tensor:
        """Picture (..., 1, n_mfcc + 1, T) float32 of float32 (..., n_samples)."""
        samples = self.repeat(waveform)
        mfcc = self.dct @ self.power_to_db(self.rows(samples))
        zcr = zero_crossing_rate(samples, self.spec.n_fft, self.spec.hop_length)
        return torch.cat([mfcc, zcr[..., None, : mfcc.shape[-1]]], -2).unsqueeze(-3)


def zero_crossing_rate(waveform: Tensor, frame_length: int, hop_length: int) -> Tensor:
    """`librosa.feature.zero_crossing_rate` of float32 (..., n_samples): float32 (..., T).

    Frames are centred; before and behind the clip there is none to cross.
    """
    negative = waveform < -_SILENT
    crossed = (negative[..., 1:] != negative[..., :-1]).double()
    half = frame_length // 2
    upto = F.pad(crossed, (half + 1, half)).cumsum(-1)
    # A frame's first sample has none before it in there.
    first, last = upto[..., ::hop_length], upto[..., frame_length - 1 :: hop_length]
    return ((last - first[..., : last.shape[-1]]) / frame_length).float()

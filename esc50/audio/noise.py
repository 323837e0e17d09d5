"""White noise in the rows of a spectrogram, with the statistics of noise added to the waveform."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from esc50.audio.front_ends.front_end import BandedFrontEnd
from esc50.audio.front_ends.sparse import SparseMatmul
from esc50.audio.spec import BandedSpec

_BANK_SECONDS = 20.0
_SEED = 50


class NoiseBank(torch.nn.Module):
    """Real white noise, analysed once, from which each example takes a stretch of its own.

    In each cell |S + N|^2 = |S|^2 + |N|^2 + 2 |S| Re(N e^-ip), p the phase of S. Summed over a
    filter m, with |S| even across the filter and its phase that of a steady tone, that is

        S' = S + n + 2 a sqrt(S / sum(m)),  n = sum(m |N|^2),  a = sum(m Re(N e^-ip)),

    which is never negative (Cauchy-Schwarz). Where noise dominates it is exact; taken from real
    noise, it is correlated from frame to frame and from filter to filter as it should be.
    """

    power: Tensor
    cross: Tensor

    def __init__(self, spec: BandedSpec, front_end: BandedFrontEnd) -> None:
        """Analyse the bank's noise, the same at every start."""
        super().__init__()
        generator = torch.Generator().manual_seed(_SEED)
        n_frames = math.ceil(_BANK_SECONDS * spec.sample_rate / spec.hop_length)
        n_samples = spec.n_fft + n_frames * spec.hop_length
        spectrum = front_end.spectrum(torch.randn(n_samples, generator=generator))
        skipped = spec.n_fft // spec.hop_length + 1  # frames that reach into the padding
        spectrum = spectrum[skipped:-skipped]
        frames, bins = (torch.arange(size, dtype=torch.float64) for size in spectrum.shape)
        # Phase of a tone at each bin's frequency.
        turns = bins * (frames[:, None] * spec.hop_length / spec.n_fft + front_end.middle)
        tone = torch.polar(torch.ones_like(turns), 2 * math.pi * (turns % 1)).to(torch.complex64)
        in_phase = (spectrum * tone.conj()).real.T.contiguous()
        filters = SparseMatmul(spec.filters())
        weight = filters(torch.ones(len(bins), 1)).clamp_min(1e-12)
        power = filters(spectrum.abs().square().T.contiguous()).T.contiguous()
        cross = (2 * filters(in_phase) / weight.sqrt()).T.contiguous()
        self.register_buffer("power", power, persistent=False)
        self.register_buffer("cross", cross, persistent=False)

    def add(self, mel: Tensor, std: Tensor, at: Tensor) -> Tensor:
        """Add noise to mel power (batch, T, n_mels).

        Args:
            mel: mel power (batch, T, n_mels) of sound with full scale 1.
            std: (batch,) standard deviation of the noise's samples.
            at: (batch,) place in the bank, 0..1.
        """
        first = (at * len(self.power)).long()
        rows = (first[:, None] + torch.arange(mel.shape[1], device=mel.device)) % len(self.power)
        std = std[:, None, None]
        change = F.embedding(rows, self.cross).mul_(mel.sqrt())
        change.addcmul_(F.embedding(rows, self.power), std)
        return change.mul_(std).add_(mel)

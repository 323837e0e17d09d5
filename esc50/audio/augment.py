"""Augmentation on the banded spectrum: no waveform, no phase, no second Fourier transform."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from esc50.audio.augment_params import AugmentParams, Recipe
from esc50.audio.front_ends.front_end import BandedFrontEnd, make_front_end
from esc50.audio.noise import NoiseBank
from esc50.audio.spec import BandedSpec, Spec

# Half the width, in frames, of the triangle through which stretched or shifted sound is read.
# A phase vocoder smears each frame over its neighbours; of 1, 1.25, 1.5, 2 and 3 this width comes
# closest to librosa's with no more than three frames to read.
_SMEAR = 1.5
# Clips rendered together on a processor: temporaries stay in its cache, and so small that the
# allocator keeps them instead of returning and faulting them in again for every batch.
_AT_ONCE = 16


class Augment(torch.nn.Module):
    """Changes batches of clips as sampled parameters say, on the batch's device.

    Offline copies and training's fresh changes come from the same code. Sound is changed in this
    order: rotated in time, pitch shifted, equalised, stretched (then cut or padded with silence),
    noise added, mixed, masked.
    """

    pitch_index: Tensor
    pitch_weight: Tensor
    eq_curves: Tensor

    def __init__(self, spec: Spec, recipe: Recipe) -> None:
        """Precompute what the recipe's changes need; see `make_recipe`.

        Raises:
            UserError: it changes sound, which features of this kind cannot follow.
        """
        super().__init__()
        self.recipe = recipe
        self.spec: Any = spec  # a `BandedSpec` where anything is changed
        if not (recipe.makes_copies or recipe.online):
            return
        recipe.check_features(spec)
        assert isinstance(spec, BandedSpec)
        finished = spec.model_copy(update={"standardise": "minmax"}) if recipe.minmax else spec
        self.front_end = _banded(finished)
        self.same_scale = not recipe.minmax
        self.squeezed = None
        if recipe.squeezes:
            self.squeezed = _banded(finished.model_copy(update={"frames": spec.n_frames}))
        self.noise = NoiseBank(spec, self.front_end)
        index, weight = _pitch_taps(spec, recipe.grid)
        knots = np.linspace(0, 1, AugmentParams.neutral(1).eq_db.shape[1])
        along = np.stack(
            [np.interp(np.linspace(0, 1, spec.n_filters), knots, e) for e in np.eye(len(knots))]
        )
        self.register_buffer("pitch_index", torch.from_numpy(index), persistent=False)
        self.register_buffer("pitch_weight", torch.from_numpy(weight), persistent=False)
        self.register_buffer("eq_curves", torch.from_numpy(along).float(), persistent=False)

    @property
    def columns(self) -> int:
        """How many columns of a picture training sees, counted from the left."""
        return max(1, round(self.recipe.visible * self.spec.shape[-1]))

    def render(
        self, magnitude: Tensor, peak: Tensor, clean: Tensor, params: AugmentParams
    ) -> Tensor:
        """Make the pictures of the changed clips; see `apply_params`."""
        return self.apply_params(magnitude, peak, clean, params)[0]

    @torch.no_grad()
    def apply_params(
        self,
        magnitude: Tensor,
        peak: Tensor,
        clean: Tensor,
        params: AugmentParams,
        partner: np.ndarray | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Change a batch of clips as their parameters say.

        Args:
            magnitude: (batch, n_bands, T) float16 from `BandedFrontEnd.forward`.
            peak: (batch,) its scale.
            clean: (batch, channels, height, width) the clips' own pictures, returned bit for bit
                where nothing is changed.
            params: one row per clip.
            partner: int64 (batch,), the row of what each clip is mixed with; None: as sampled.

        Returns:
            Pictures like `clean`; and, if any clip is mixed with another of the batch, that one's
            row, int64 (batch,), and the clip's own weight in the target, float32 (batch,).
        """
        device, n, dtype = peak.device, len(params), clean.dtype
        peak, clean = peak.float(), clean.float()  # whatever precision the network is trained in
        columns = {key: torch.from_numpy(column).to(device) for key, column in vars(params).items()}
        size = _AT_ONCE if device.type == "cpu" else max(n, 1)
        parts = [slice(start, start + size) for start in range(0, max(n, 1), size)]
        mel = torch.empty(n, self.spec.n_frames, self.front_end.spec.n_filters, device=device)
        for part in parts:
            own = {key: column[part] for key, column in columns.items()}
            mel[part] = self._changed(magnitude[part], peak[part], own, params[part])
        row = weight = None
        if n > 1 and (params.mix_weight != 1).any():
            mixed = torch.from_numpy(np.flatnonzero(params.mix_weight != 1)).to(device)
            row = torch.from_numpy(params.partners if partner is None else partner).to(device)
            mel, weight = _mix(mel, mixed, columns["mix_weight"], row, peak > 0)
        x = torch.cat([self._pictures(mel[part].transpose(1, 2), params[part]) for part in parts])
        if self.same_scale and params.untouched.any():
            untouched = torch.from_numpy(params.untouched).to(x.device)
            x = torch.where(untouched[:, None, None, None], clean, x)
        average = None if self.spec.centred else x.mean((1, 2, 3), keepdim=True)
        if params.freq_mask.any():
            rows = _kept(columns["freq_mask"], columns["freq_mask_at"], self.spec.height)
            x = _hidden(x, rows[:, None, :, None], average)
        if params.time_mask.any():
            across = _kept(columns["time_mask"], columns["time_mask_at"], self.spec.width)
            x = _hidden(x, across[:, None, None], average)
        return x.to(dtype), row, weight

    def _changed(
        self, magnitude: Tensor, peak: Tensor, columns: dict[str, Tensor], params: AugmentParams
    ) -> Tensor:
        """Mel power (batch, T, n_mels) after all that concerns one clip alone."""
        mel = self._mel(magnitude, peak, columns)
        mel = self._in_time(mel, columns, torch.from_numpy(params.warped).to(mel.device))
        if params.noise_std.any():
            noisy = torch.from_numpy(np.flatnonzero(params.noise_std)).to(mel.device)
            std, place = columns["noise_std"][noisy], columns["noise_at"][noisy]
            mel.index_copy_(0, noisy, self.noise.add(mel[noisy], std, place))
        return mel

    def _mel(self, magnitude: Tensor, peak: Tensor, columns: dict[str, Tensor]) -> Tensor:
        """Mel power (batch, T, n_mels) of the pitch-shifted, equalised, amplified sound."""
        batch, n_bands, n_frames = magnitude.shape
        power = magnitude.float().square_()
        row = torch.arange(batch, device=power.device)[:, None, None] * n_bands
        step = columns["pitch"] + len(self.pitch_index) // 2
        decibels = columns["gain_db"][:, None] + columns["eq_db"] @ self.eq_curves
        gain = peak.square()[:, None] * 10 ** (decibels / 10)
        mel = F.embedding_bag(
            (self.pitch_index[step] + row).flatten(0, 1),
            power.flatten(0, 1),
            mode="sum",
            per_sample_weights=(self.pitch_weight[step] * gain[..., None]).flatten(0, 1),
        )
        return mel.view(batch, self.eq_curves.shape[1], n_frames).transpose(1, 2).contiguous()

    def _in_time(self, mel: Tensor, columns: dict[str, Tensor], warped: Tensor) -> Tensor:
        """Mel power (batch, T, n_mels) read at the times t * rate, silent beyond the clip's end."""
        batch, n_frames, n_mels = mel.shape
        # Squeezed back into the picture, the stretch itself is gone and its smear remains.
        rate = columns["rate"] if self.squeezed is None else torch.ones_like(columns["rate"])
        time = torch.arange(n_frames, device=mel.device) * rate[:, None]
        inside = time <= n_frames - 1
        time = (time + columns["shift"][:, None] * n_frames) % n_frames
        reach = torch.where(warped, _SMEAR, 1.0)[:, None, None]
        frame = (time - _SMEAR).ceil()[..., None] + torch.arange(3, device=mel.device)
        weight = (reach - (frame - time[..., None]).abs()).clamp_min(0)
        weight *= (frame >= 0) & (frame < n_frames)
        weight *= (inside / weight.sum(-1).clamp_min(1e-6))[..., None]
        row = torch.arange(batch, device=mel.device)[:, None, None] * n_frames
        frame = frame.clamp(0, n_frames - 1).long() + row
        table, weight = mel.view(-1, n_mels), weight.flatten(0, 1)
        read = F.embedding_bag(frame.flatten(0, 1), table, mode="sum", per_sample_weights=weight)
        return read.view_as(mel)

    def _pictures(self, mel: Tensor, params: AugmentParams) -> Tensor:
        """Pictures (batch, channels, height, width) of mel power (batch, n_mels, T)."""
        cells = self.front_end.cells(mel)
        x = self.front_end.normalize_and_resize(cells)
        if self.squeezed is not None:
            stretched = torch.from_numpy(params.rate != 1).to(x.device)
            x[stretched] = self.squeezed.normalize_and_resize(cells[stretched])
        return x


def _banded(spec: BandedSpec) -> BandedFrontEnd:
    front_end = make_front_end(spec)
    assert isinstance(front_end, BandedFrontEnd)
    return front_end


def _pitch_taps(spec: BandedSpec, semitones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mel filters of the bands for each pitch shift: bands and weights (steps, n_mels, taps)."""
    by_step = [
        np.add.reduceat(spec.filters(2 ** (step / 12)), spec.edges[:-1], axis=1)
        for step in semitones
    ]
    filters = np.stack(by_step).astype(np.float32)
    taps = (filters > 0).sum(axis=-1).max()
    index = np.argsort(filters <= 0, axis=-1, kind="stable")[..., :taps]
    return index, np.take_along_axis(filters, index, axis=-1)


def _mix(
    mel: Tensor, mixed: Tensor, weight: Tensor, partner: Tensor, audible: Tensor
) -> tuple[Tensor, Tensor]:
    """Mix the rows `mixed` with their partners': mel power, the clips' own weights.

    Between-class learning (Tokozume et al., 2018): levels, of the loudest frame, are equalised,
    then amplitudes added as weight : 1 - weight; of sounds without common phase, powers add. A
    silent clip is not mixed, since nothing could make it heard.
    """
    level = mel.sum(2).amax(1) * audible
    weight = torch.where((level > 0) & (level[partner] > 0), weight, 1.0)
    other = (1 - weight).square() / (weight.square() + (1 - weight).square())
    scale = other * level / level[partner].clamp_min(1e-30)
    foreign = mel[partner[mixed]].mul_(scale[mixed, None, None])
    return mel.mul_((1 - other)[:, None, None]).index_add_(0, mixed, foreign), weight


def _hidden(x: Tensor, kept: Tensor, average: Tensor | None) -> Tensor:
    """Put an average cell, 0 if None, where nothing is kept."""
    return x * kept if average is None else torch.where(kept > 0, x, average)


def _kept(size: Tensor, place: Tensor, n: int) -> Tensor:
    """1 outside, 0 inside a span of `size` * n cells that lies at `place` between the rims."""
    cell = torch.arange(n, device=size.device) + 0.5
    start = (place * (1 - size) * n)[:, None]
    return ((cell < start) | (cell >= start + size[:, None] * n)).float()

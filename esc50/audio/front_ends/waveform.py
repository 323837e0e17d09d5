"""The front end of networks that hear: samples as they are."""

import torch

from esc50.audio.front_ends.front_end import FrontEnd

_LEAST_VARIANCE = 1e-7  # what Wav2Vec2FeatureExtractor adds to it


class Waveform(FrontEnd):
    """Samples as one row; standardised, `Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm`."""

    @torch.no_grad()
    def features(self, waveform: torch.Tensor) -> torch.Tensor:
        """Row (..., 1, 1, n_samples) float32 of float32 (..., n_samples)."""
        sound = self.repeat(waveform)
        if self.spec.standardise == "clip":
            variance, mean = torch.var_mean(sound, -1, correction=0, keepdim=True)
            sound = (sound - mean) / (variance + _LEAST_VARIANCE).sqrt()
        return sound[..., None, None, :]

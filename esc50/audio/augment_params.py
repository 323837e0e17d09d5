"""Samples what is done to each clip: random choices, made before and apart from the sound."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from esc50.audio.spec import BandedSpec, Spec
from esc50.config.schema.settings import Settings
from esc50.config.targets import locate
from esc50.errors import UserError

# Corners of the random frequency response; FilterAugment (Nam et al., 2022) uses two to five bands.
_EQ_KNOTS = 5

Part = Annotated[float, Field(ge=0, le=1)]  # a probability, or a part of a whole
Rate = Annotated[float, Field(ge=0.25, le=4)]
Semitones = Annotated[float, Field(ge=0, le=12)]
Decibels = Annotated[float, Field(ge=0, le=60)]
NoiseStd = Annotated[float, Field(ge=1e-9, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass
class AugmentParams:
    """What is done to n examples, one row per example; comments end in the neutral value.

    Independent of batch, worker and device, so the same parameters give the same pictures anywhere.
    """

    rate: np.ndarray  # speed, tempo without pitch; 1
    pitch: np.ndarray  # steps of the pitch grid, int64; 0
    noise_std: np.ndarray  # standard deviation of white noise, full scale 1; 0
    noise_at: np.ndarray  # place in the noise bank, 0..1
    shift: np.ndarray  # part of the clip moved from its beginning to its end, 0..1; 0
    gain_db: np.ndarray  # applied before the noise; 0
    eq_db: np.ndarray  # (n, knots) gain at evenly spaced mel rows, linear between; 0
    freq_mask: np.ndarray  # hidden part of the mel rows, 0..1; 0
    freq_mask_at: np.ndarray  # place of the hidden rows, 0..1
    time_mask: np.ndarray  # hidden part of the columns, 0..1; 0
    time_mask_at: np.ndarray  # place of the hidden columns, 0..1
    mix_weight: np.ndarray  # own weight when mixed with another clip of the batch, 0..1; 1
    partner: np.ndarray  # place of that clip in the batch, 0..1

    @classmethod
    def neutral(cls, n: int) -> Self:
        """Make parameters that change nothing."""
        columns = {field.name: np.zeros(n, np.float32) for field in fields(cls)}
        columns["pitch"] = np.zeros(n, np.int64)
        columns["rate"], columns["mix_weight"] = np.ones(n, np.float32), np.ones(n, np.float32)
        columns["eq_db"] = np.zeros((n, _EQ_KNOTS), np.float32)
        return cls(**columns)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rate)

    def __getitem__(self, rows: slice | np.ndarray) -> "AugmentParams":
        """Take some rows."""
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)}
        return AugmentParams(**columns)

    @property
    def partners(self) -> np.ndarray:
        """Row of the clip that each would be mixed with, never its own: int64 (n,), n > 1."""
        n = len(self)
        step = (self.partner * (n - 1)).astype(np.int64).clip(max=n - 2)
        return (np.arange(n) + 1 + step) % n

    @property
    def warped(self) -> np.ndarray:
        """Rows whose time or frequency axis is stretched: bool (n,)."""
        return (self.rate != 1) | (self.pitch != 0)

    @property
    def untouched(self) -> np.ndarray:
        """Rows whose spectrum stays as it is (masks lie above it): bool (n,)."""
        changed = self.warped | (self.noise_std != 0) | (self.shift != 0) | (self.gain_db != 0)
        return ~(changed | self.eq_db.any(axis=1) | (self.mix_weight != 1))


class Recipe(Settings):
    """An `augment` section: which changes occur, and how strong they are.

    One's own is a subclass of it, named by the section's `_target_`.
    """

    makes_copies: ClassVar[bool] = False  # whether it makes copies of clips, once
    online: ClassVar[bool] = False  # whether it changes clips anew in every epoch

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for low in (name for name in type(self).model_fields if name.endswith("_min")):
            high = low.removesuffix("_min") + "_max"
            least, most = getattr(self, low), getattr(self, high)
            if least > most:
                raise ValueError(f"augment.{low}={least} must not exceed augment.{high}={most}")
        return self

    def check_features(self, spec: Spec) -> None:
        """Refuse features that changes of sound cannot reach. Raises UserError."""
        if (self.makes_copies or self.online) and not isinstance(spec, BandedSpec):
            raise UserError(
                f"features: a {spec.title} is not made of the spectra of short windows that "
                "augmentation changes: set augment=none, or choose other features"
            )

    @property
    def grid(self) -> np.ndarray:
        """Pitch shifts that occur, in semitones, from the lowest to the highest."""
        return np.zeros(1)

    @property
    def visible(self) -> float:
        """Part of the columns that training sees, from the left."""
        return 1.0

    @property
    def minmax(self) -> bool:
        """Whether pictures are scaled to 0..1 whatever the features' own scale."""
        return False

    @property
    def squeezes(self) -> bool:
        """Whether a stretched picture is squeezed back to full width."""
        return False

    def sample_copies(
        self, n_clips: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, AugmentParams]:
        """Sample offline copies: the clip of each, int64 (m,), and what makes it; here none."""
        return np.zeros(0, np.int64), AugmentParams.neutral(0)

    def sample_params(self, n: int, rng: np.random.Generator, done: float = 0.0) -> AugmentParams:
        """Sample what to do to `n` items once the part `done` of the run is over; here nothing."""
        return AugmentParams.neutral(n)


class NoAugmentation(Recipe):
    """Leaves clips as they are: conf/augment/none.yaml has no keys."""


class PublishedAugmentation(Recipe):
    """Makes copies once, before training: the keys of conf/augment/published.yaml."""

    copies_min: Count
    copies_max: Count
    noise_std: Part
    rate_min: Rate
    rate_max: Rate
    pitch_max: Annotated[int, Field(ge=0, le=12)]
    squeeze_stretch: bool
    copy_scaling: Literal["standardise", "minmax"]

    makes_copies = True

    @property
    def grid(self) -> np.ndarray:
        """Pitch shifts that occur, in semitones: whole ones."""
        return np.arange(-self.pitch_max, self.pitch_max + 1.0)

    @property
    def minmax(self) -> bool:
        """Whether copies are scaled to 0..1."""
        return self.copy_scaling == "minmax"

    @property
    def squeezes(self) -> bool:
        """Whether a stretched picture is squeezed back to full width."""
        return self.squeeze_stretch

    def sample_copies(
        self, n_clips: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, AugmentParams]:
        """Sample copies: the clip of each, int64 (m,), and its noise, stretch or pitch shift."""
        counts = rng.integers(self.copies_min, self.copies_max + 1, n_clips)
        clip_of_copy = np.repeat(np.arange(n_clips), counts)
        m = len(clip_of_copy)
        params, choice = AugmentParams.neutral(m), rng.integers(3, size=m)
        rate = rng.uniform(self.rate_min, self.rate_max, m).astype(np.float32)
        pitch = rng.integers(-self.pitch_max, self.pitch_max + 1, m)
        params.noise_at = rng.random(m, dtype=np.float32)
        params.noise_std[choice == 0] = self.noise_std
        params.rate = np.where(choice == 1, rate, params.rate)
        params.pitch = np.where(choice == 2, pitch, params.pitch)
        return clip_of_copy, params


class OnlineAugmentation(Recipe):
    """Changes every clip anew in every epoch: the keys of conf/augment/online.yaml."""

    stretch_prob: Part
    rate_min: Rate
    rate_max: Rate
    pitch_prob: Part
    pitch_max: Semitones
    pitch_step: Annotated[float, Field(ge=0.01, le=12)]
    shift_prob: Part
    crop: Annotated[float, Field(ge=0.01, le=1)]
    gain_db: Decibels
    eq_prob: Part
    eq_db: Decibels
    noise_prob: Part
    noise_std_min: NoiseStd
    noise_std_max: NoiseStd
    mask_prob: Part
    freq_mask: Part
    time_mask: Part
    mix_prob: Part
    mix_alpha: Annotated[float, Field(ge=1e-3, le=1e3)]
    mix_until: Part

    online = True

    @property
    def grid(self) -> np.ndarray:
        """Pitch shifts that occur, in semitones."""
        steps = int(self.pitch_max / self.pitch_step + 1e-9)
        return np.arange(-steps, steps + 1) * self.pitch_step

    @property
    def visible(self) -> float:
        """Part of the columns that training sees, from the left."""
        return self.crop

    def sample_params(self, n: int, rng: np.random.Generator, done: float = 0.0) -> AugmentParams:
        """Sample one row per item, once the part `done` of the run is over.

        Every number is drawn whatever the probabilities, so that changing one transform's strength
        leaves the others' as they were.
        """

        def uniform(low: float, high: float) -> np.ndarray:
            return rng.uniform(low, high, n).astype(np.float32)

        def happens(probability: float) -> np.ndarray:
            return rng.random(n) < probability

        params, steps = AugmentParams.neutral(n), len(self.grid) // 2
        # Evenly over the logarithm: half and double are equally far from 1.
        rate = np.exp(uniform(np.log(self.rate_min), np.log(self.rate_max)))
        params.rate = np.where(happens(self.stretch_prob), rate, params.rate)
        pitch = rng.integers(-steps, steps + 1, n)
        params.pitch = np.where(happens(self.pitch_prob), pitch, params.pitch)
        params.shift = uniform(0, 1) * happens(self.shift_prob)
        params.gain_db = uniform(-self.gain_db, self.gain_db)
        knots = rng.uniform(-self.eq_db, self.eq_db, (n, _EQ_KNOTS))
        params.eq_db = (knots * happens(self.eq_prob)[:, None]).astype(np.float32)
        std = np.exp(uniform(np.log(self.noise_std_min), np.log(self.noise_std_max)))
        params.noise_std, params.noise_at = std * happens(self.noise_prob), uniform(0, 1)
        for mask, largest in (("freq_mask", self.freq_mask), ("time_mask", self.time_mask)):
            setattr(params, mask, uniform(0, largest) * happens(self.mask_prob))
            setattr(params, f"{mask}_at", uniform(0, 1))
        weight = rng.beta(self.mix_alpha, self.mix_alpha, n).astype(np.float32)
        mix_prob = self.mix_prob if done < self.mix_until else 0
        params.mix_weight = np.where(happens(mix_prob), weight, params.mix_weight)
        params.partner = uniform(0, 1)
        return params


def make_recipe(section: Mapping[str, Any]) -> Recipe:
    """Build the recipe that an `augment` section names by its `_target_`.

    Raises:
        UserError: it names no recipe, or a key is wrong.
    """
    recipe: Any = locate("augment", section.get("_target_"))
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        raise UserError(
            f"augment._target_={section['_target_']} is invalid: it takes a subclass of "
            f"{Recipe.__module__}.Recipe"
        )
    return recipe.parse("augment", section)

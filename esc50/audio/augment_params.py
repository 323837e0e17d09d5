"""What is to be done to each clip: random choices, made before and apart from the sound."""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from esc50.audio.bounds import check_bounds
from esc50.errors import UserError

# Corners of the random frequency response; FilterAugment (Nam et al., 2022) uses two to five bands.
_COLOUR_KNOTS = 5


@dataclass
class Draws:
    """One row an augmented example; arrays of length n, and the neutral value of each.

    Independent of batch, worker and device, so the same draws give the same pictures anywhere.
    """

    rate: np.ndarray  # speed, tempo without pitch; 1
    pitch: np.ndarray  # steps of the pitch grid, int64; 0
    sigma: np.ndarray  # standard deviation of white noise, full scale 1; 0
    noise_at: np.ndarray  # place in the noise bank, 0..1
    shift: np.ndarray  # part of the clip moved from its beginning to its end, 0..1; 0
    gain_db: np.ndarray  # applied before the noise; 0
    colour_db: np.ndarray  # (n, knots) gain at evenly spaced mel rows, linear between; 0
    mask_height: np.ndarray  # hidden part of the mel rows, 0..1; 0
    mask_row: np.ndarray  # place of the hidden rows, 0..1
    mask_width: np.ndarray  # hidden part of the columns, 0..1; 0
    mask_column: np.ndarray  # place of the hidden columns, 0..1
    share: np.ndarray  # own share when mixed with another clip of the batch, 0..1; 1
    partner: np.ndarray  # place of that clip in the batch, 0..1

    @classmethod
    def neutral(cls, n: int) -> "Draws":
        """Draws that change nothing."""
        columns = {field.name: np.zeros(n, np.float32) for field in fields(cls)}
        columns["pitch"] = np.zeros(n, np.int64)
        columns["rate"], columns["share"] = np.ones(n, np.float32), np.ones(n, np.float32)
        columns["colour_db"] = np.zeros((n, _COLOUR_KNOTS), np.float32)
        return cls(**columns)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rate)

    def __getitem__(self, rows: slice | np.ndarray) -> "Draws":
        """Take some rows."""
        return Draws(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

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
        changed = self.warped | (self.sigma != 0) | (self.shift != 0) | (self.gain_db != 0)
        return ~(changed | self.colour_db.any(axis=1) | (self.share != 1))


class _Recipe:
    """What all recipes say of themselves."""

    copies: ClassVar[bool] = False  # whether it makes copies of clips, once
    online: ClassVar[bool] = False  # whether it changes clips anew in every epoch
    bounds: ClassVar[dict[str, tuple[float, float]]] = {}  # of the strengths, see `check_bounds`

    def __post_init__(self) -> None:
        """Refuse impossible strengths."""
        check_bounds("augment", self, **self.bounds)


@dataclass(frozen=True)
class NoAugmentation(_Recipe):
    """The keys of conf/augment/none.yaml: none."""

    grid: ClassVar[np.ndarray] = np.zeros(1)


@dataclass(frozen=True)
class Published(_Recipe):
    """The published recipe, copies made once: the keys of conf/augment/published.yaml."""

    copies_min: int
    copies_max: int
    noise_sigma: float
    rate_min: float
    rate_max: float
    pitch_max: int
    squeeze_stretch: bool
    copy_scaling: str

    copies: ClassVar = True
    bounds: ClassVar = {
        "copies": (0, np.inf),
        "noise_sigma": (0, 1),
        "rate": (0.25, 4),
        "pitch_max": (0, 12),
    }

    def __post_init__(self) -> None:
        """Refuse impossible strengths and scalings."""
        super().__post_init__()
        if self.copy_scaling not in ("standardise", "minmax"):
            raise UserError(
                f"augment.copy_scaling must be standardise or minmax, not {self.copy_scaling}"
            )

    @property
    def grid(self) -> np.ndarray:
        """Pitch shifts that occur, in semitones: whole ones."""
        return np.arange(-int(self.pitch_max), int(self.pitch_max) + 1.0)

    def draw(self, n_clips: int, rng: np.random.Generator) -> tuple[np.ndarray, Draws]:
        """Clip of each copy, int64 (m,), and its one change: noise, stretch or pitch shift."""
        counts = rng.integers(self.copies_min, self.copies_max + 1, n_clips)
        clip_of_copy = np.repeat(np.arange(n_clips), counts)
        m = len(clip_of_copy)
        draws, choice = Draws.neutral(m), rng.integers(3, size=m)
        rate = rng.uniform(self.rate_min, self.rate_max, m).astype(np.float32)
        pitch = rng.integers(-self.pitch_max, self.pitch_max + 1, m)
        draws.noise_at = rng.random(m, dtype=np.float32)
        draws.sigma[choice == 0] = self.noise_sigma
        draws.rate = np.where(choice == 1, rate, draws.rate)
        draws.pitch = np.where(choice == 2, pitch, draws.pitch)
        return clip_of_copy, draws


@dataclass(frozen=True)
class Online(_Recipe):
    """Fresh changes of every clip in every epoch: the keys of conf/augment/online.yaml."""

    stretch_prob: float
    rate_min: float
    rate_max: float
    pitch_prob: float
    pitch_max: float
    pitch_step: float
    shift_prob: float
    crop: float
    gain_db: float
    colour_prob: float
    colour_db: float
    noise_prob: float
    noise_sigma_min: float
    noise_sigma_max: float
    mask_prob: float
    mask_height: float
    mask_width: float
    mix_prob: float
    mix_alpha: float
    mix_until: float

    online: ClassVar = True
    bounds: ClassVar = {
        "stretch_prob": (0, 1),
        "rate": (0.25, 4),
        "pitch_prob": (0, 1),
        "pitch_max": (0, 12),
        "pitch_step": (0.01, 12),
        "shift_prob": (0, 1),
        "crop": (0.01, 1),
        "gain_db": (0, 60),
        "colour_prob": (0, 1),
        "colour_db": (0, 60),
        "noise_prob": (0, 1),
        "noise_sigma": (1e-9, 1),
        "mask_prob": (0, 1),
        "mask_height": (0, 1),
        "mask_width": (0, 1),
        "mix_prob": (0, 1),
        "mix_alpha": (1e-3, 1e3),
        "mix_until": (0, 1),
    }

    @property
    def grid(self) -> np.ndarray:
        """Pitch shifts that occur, in semitones."""
        steps = int(self.pitch_max / self.pitch_step + 1e-9)
        return np.arange(-steps, steps + 1) * self.pitch_step

    def draw(self, n: int, rng: np.random.Generator, done: float) -> Draws:
        """One row an item, when the share `done` of the run is over.

        Every number is drawn whatever the probabilities, so that changing one transform's strength
        leaves the others' draws as they were.
        """

        def uniform(low: float, high: float) -> np.ndarray:
            return rng.uniform(low, high, n).astype(np.float32)

        def happens(probability: float) -> np.ndarray:
            return rng.random(n) < probability

        draws, steps = Draws.neutral(n), len(self.grid) // 2
        # Evenly over the logarithm: half and double are equally far from 1.
        rate = np.exp(uniform(np.log(self.rate_min), np.log(self.rate_max)))
        draws.rate = np.where(happens(self.stretch_prob), rate, draws.rate)
        pitch = rng.integers(-steps, steps + 1, n)
        draws.pitch = np.where(happens(self.pitch_prob), pitch, draws.pitch)
        draws.shift = uniform(0, 1) * happens(self.shift_prob)
        draws.gain_db = uniform(-self.gain_db, self.gain_db)
        knots = rng.uniform(-self.colour_db, self.colour_db, (n, _COLOUR_KNOTS))
        draws.colour_db = (knots * happens(self.colour_prob)[:, None]).astype(np.float32)
        sigma = np.exp(uniform(np.log(self.noise_sigma_min), np.log(self.noise_sigma_max)))
        draws.sigma, draws.noise_at = sigma * happens(self.noise_prob), uniform(0, 1)
        for size, place, largest in (
            ("mask_height", "mask_row", self.mask_height),
            ("mask_width", "mask_column", self.mask_width),
        ):
            setattr(draws, size, uniform(0, largest) * happens(self.mask_prob))
            setattr(draws, place, uniform(0, 1))
        share = rng.beta(self.mix_alpha, self.mix_alpha, n).astype(np.float32)
        mix_prob = self.mix_prob if done < self.mix_until else 0
        draws.share = np.where(happens(mix_prob), share, draws.share)
        draws.partner = uniform(0, 1)
        return draws


RECIPES = {"none": NoAugmentation, "published": Published, "online": Online}


def make_recipe(kind: str, **options: object) -> NoAugmentation | Published | Online:
    """Make the recipe of conf/augment/<kind>.yaml. Raises UserError for impossible strengths."""
    if kind not in RECIPES:
        raise UserError(f"augment.kind must be none, published or online, not {kind}")
    try:
        return RECIPES[kind](**options)
    except TypeError as error:
        raise UserError(f"augment.kind={kind} does not go with these keys: {error}") from None

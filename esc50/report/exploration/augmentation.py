"""What each change of an augmentation recipe does to one clip, seen and heard."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from esc50.audio.augment import Augment
from esc50.audio.augment_params import AugmentParams, Recipe
from esc50.audio.front_ends.silence import repeat_sound
from esc50.audio.spec import BandedSpec, Spec
from esc50.audio.waveform import change_waveform
from esc50.data.features import pictures
from esc50.data.tables.table import ClipTable
from esc50.report.media import logmel_uri, sound_uri, waveform_path

DRAWS = 200  # of which the strongest of each change is shown
# The columns of AugmentParams that make a change, its strength first.
CHANGES = {
    "time stretch": ("rate",),
    "pitch shift": ("pitch",),
    "rotation in time": ("shift",),
    "gain": ("gain_db",),
    "equaliser": ("eq_db",),
    "white noise": ("noise_std", "noise_at"),
    "frequency mask": ("freq_mask", "freq_mask_at"),
    "time mask": ("time_mask", "time_mask_at"),
    "mixing": ("mix_weight",),
}
UNHEARD = ("frequency mask", "time mask")


@dataclass(frozen=True)
class Rendering:
    """A clip as one change makes it: its words, log-mel, outline and sound."""

    name: str
    strength: str
    logmel: str
    outline: str
    sound: str | None  # None: it is not heard


def show_augmentation(
    table: ClipTable,
    features: Mapping[str, np.ndarray],
    spec: Spec,
    recipe: Recipe,
    clip: int,
    seed: int,
) -> list[Rendering]:
    """Render a clip as it is, by each change of a recipe alone, and by a whole draw.

    Pictures are what training sees; sounds are made on the waveform with the same parameters.

    Args:
        table: the clips.
        features: of the clips; see `clip_features`.
        spec: of the features.
        recipe: what is drawn from. Of each change the strongest of some draws is shown.
        clip: which one.
        seed: of the draws.

    Returns:
        The clip as it is alone, where the recipe changes nothing.
    """
    partner = int(np.flatnonzero(table.targets != table.targets[clip])[0]) if _two(table) else clip
    renderer = _Renderer(table, features, spec, recipe, (clip, partner))
    shown = [renderer.render("as it is", "", AugmentParams.neutral(1))]
    drawn = _draw(recipe, seed)
    if not len(drawn):
        return shown
    for name, columns in CHANGES.items():
        strength = _strength(drawn, columns[0])
        if strength.max() > 0 and (name != "mixing" or partner != clip):
            row = int(strength.argmax())
            params = AugmentParams.neutral(1)
            for column in columns:
                setattr(params, column, getattr(drawn, column)[row : row + 1])
            shown.append(renderer.render(name, _words(name, params, recipe), params))
    whole = drawn[:1]
    return [*shown, renderer.render("a whole draw", _whole_words(whole, recipe), whole)]


class _Renderer:
    def __init__(
        self,
        table: ClipTable,
        features: Mapping[str, np.ndarray],
        spec: Spec,
        recipe: Recipe,
        clips: tuple[int, int],
    ) -> None:
        rows = np.array(clips)
        self.spec, self.recipe = spec, recipe
        self.clips = {
            name: torch.from_numpy(np.array(array[rows])) for name, array in features.items()
        }
        self.augment = Augment(spec, recipe)
        self.samples, self.partner = (_read(table, clip, spec) for clip in clips)

    def render(self, name: str, strength: str, params: AugmentParams) -> Rendering:
        both = AugmentParams.neutral(2)
        for column, values in vars(params).items():
            getattr(both, column)[0] = values[0]
        logmel, sound = pictures(self.spec, self.clips), self.samples
        if name != "as it is":
            assert isinstance(self.spec, BandedSpec)  # or the recipe would have been refused
            logmel, _, _ = self.augment.apply_params(
                self.clips["magnitude"], self.clips["peak"], logmel, both, np.array([1, 0])
            )
            sound = change_waveform(sound, params, self.recipe.grid, self.spec, self.partner)
        heard = None if name in UNHEARD else sound_uri(sound, self.spec.sample_rate)
        picture = logmel_uri(logmel[0, 0].numpy())
        return Rendering(name, strength, picture, waveform_path(sound), heard)


def _read(table: ClipTable, clip: int, spec: Spec) -> np.ndarray:
    samples = table.read(clip, spec.sample_rate, spec.n_samples, spec.channel).samples
    if spec.repeat_below is not None:
        sound = torch.from_numpy(samples)
        samples = repeat_sound(sound, spec.sample_rate, spec.repeat_below).numpy()
    return samples


def _two(table: ClipTable) -> bool:
    return len(table.classes) > 1


def _draw(recipe: Recipe, seed: int) -> AugmentParams:
    rng = np.random.default_rng(seed)
    if recipe.makes_copies:
        return recipe.sample_copies(DRAWS, rng)[1]
    return recipe.sample_params(DRAWS if recipe.online else 0, rng)


def _strength(params: AugmentParams, column: str) -> np.ndarray:
    """How far each row is from changing nothing: float (n,)."""
    values = getattr(params, column)
    if column == "rate":
        return np.abs(np.log(values))
    if column in ("mix_weight", "shift"):  # 0 and 1 are the same
        return 0.5 - np.abs(values - 0.5)
    return np.abs(values).reshape(len(params), -1).max(1)


def _words(name: str, params: AugmentParams, recipe: Recipe) -> str:
    row = {column: values[0] for column, values in vars(params).items()}
    semitones = float(recipe.grid[row["pitch"] + len(recipe.grid) // 2])
    return {
        "time stretch": f"{row['rate']:.2f} times as fast",
        "pitch shift": f"{semitones:+g} semitones",
        "rotation in time": f"by {row['shift']:.0%} of the clip",
        "gain": f"{row['gain_db']:+.1f} dB",
        "equaliser": " ".join(f"{gain:+.1f}" for gain in row["eq_db"]) + " dB, low to high",
        "white noise": f"standard deviation {row['noise_std']:.2g} of full scale",
        "frequency mask": f"{row['freq_mask']:.0%} of the mel rows hidden",
        "time mask": f"{row['time_mask']:.0%} of the columns hidden",
        "mixing": f"{row['mix_weight']:.0%} of this clip, the rest of another",
    }[name]


def _whole_words(params: AugmentParams, recipe: Recipe) -> str:
    present = [n for n, columns in CHANGES.items() if _strength(params, columns[0])[0] > 0]
    return "; ".join(f"{name} {_words(name, params, recipe)}" for name in present)

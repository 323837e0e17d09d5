"""Whether the features are those that the starting weights know."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from esc50.config.composition import compose_plain
from esc50.errors import UserError
from esc50.model.hub_backbones import FAMILIES
from esc50.model.pretrained.hub import NETWORK, no_name, read_json
from esc50.model.pretrained.weights import own_checkpoint

# How long a clip is, and what is done to it before its first spectrum, changes no cell's meaning.
FREE = ("seconds", "frames", "width", "channel", "repeat_below", "bands_per_mel")
SCALE = ("input_mean", "input_std")
# What transformers' feature extractors call our keys of a choice of features, and how their values
# are ours.
Keys = tuple[tuple[str, str, Callable[[Any], Any]], ...]
PREPROCESSOR: dict[str, Keys] = {
    "ast": (
        ("sampling_rate", "sample_rate", int),
        ("num_mel_bins", "n_mels", int),
        ("num_mel_bins", "height", int),
        ("max_length", "frames", int),
        ("max_length", "width", int),
        ("mean", "mean", float),
        ("std", "std", float),
    ),
    "clap": (
        ("sampling_rate", "sample_rate", int),
        ("feature_size", "n_mels", int),
        ("hop_length", "hop_length", int),
        ("fft_window_size", "n_fft", int),
        ("frequency_min", "fmin", float),
        ("frequency_max", "fmax", float),
        ("max_length_s", "fill_seconds", float),
        ("truncation", "mel_scale", lambda kind: "htk" if kind == "fusion" else "slaney"),
    ),
    "waveform": (
        ("sampling_rate", "sample_rate", int),
        ("do_normalize", "standardise", lambda yes: "clip" if yes else None),
    ),
    "whisper": (
        ("sampling_rate", "sample_rate", int),
        ("feature_size", "n_mels", int),
        ("feature_size", "height", int),
        ("hop_length", "hop_length", int),
        ("n_fft", "n_fft", int),
    ),
}


def check_features(plain: Mapping[str, Any]) -> None:
    """Refuse features that the starting weights do not know; any will do where there are none.

    A checkpoint of this package knows what it was trained on; a network with `model.front_end`,
    that choice of `features`, whose numbers reach it as they are; one with a
    preprocessor_config.json beside its weights, what that says.

    Raises:
        UserError: naming the key that differs, and the choice.
    """
    weights, choice = plain["model"].get("weights"), plain["model"].get("front_end")
    hub = plain["model"].get("_target_") == NETWORK
    if weights is None:
        if hub:
            raise no_name()
        return
    if (start := own_checkpoint(weights)) is not None:
        assert start.specification is not None
        theirs = start.specification["config"]
        wanted = {**_without_free(start.specification["features"])}
        _compare(plain, wanted, {key: theirs[key] for key in SCALE}, f"model.weights={weights}", "")
        return
    if hub:  # whose network the weights themselves name
        kind = FAMILIES.get(str(read_json(weights, "config.json").get("model_type")))
        choice = choice if kind is None else kind.choice
    if choice is None:
        return
    section = compose_plain([f"features={choice}"])["features"]
    own = _of_preprocessor(weights, choice)
    wanted = {**_without_free(section), **own}
    remedy = f": set features={choice} input_mean=0.0 input_std=1.0"
    for key, value in own.items():
        if value != section[key]:
            remedy += f" features.{key}={_show(value)}"
    scale = dict(zip(SCALE, (0.0, 1.0), strict=True))
    _compare(plain, wanted, scale, f"model.weights={weights}", remedy)


def _without_free(features: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in features.items() if key not in FREE}


def _of_preprocessor(weights: str, choice: str) -> dict[str, Any]:
    """What a preprocessor_config.json beside the weights says of the features; {} without one."""
    said = {} if Path(weights).is_file() else read_json(weights, "preprocessor_config.json")
    if choice == "ast" and said.get("do_normalize") is False:  # (x - 0) / (2 * 0.5)
        said |= {"mean": 0.0, "std": 0.5}
    keys = PREPROCESSOR.get(choice, ())
    return {ours: convert(said[key]) for key, ours, convert in keys if key in said}


def _compare(
    plain: Mapping[str, Any],
    wanted: Mapping[str, Any],
    scale: Mapping[str, Any],
    who: str,
    end: str,
) -> None:
    """Refuse the first key that is not as wanted."""
    ours = {**{f"features.{key}": value for key, value in plain["features"].items()}, **plain}
    theirs = {**{f"features.{key}": value for key, value in wanted.items()}, **scale}
    for key, value in theirs.items():
        have = ours.get(key)
        if have != value:
            raise UserError(f"{who} was trained on {key}={_show(value)}, not {_show(have)}{end}")


def _show(value: Any) -> str:
    return "null" if value is None else str(value)

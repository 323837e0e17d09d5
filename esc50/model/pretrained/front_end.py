"""Whether the features are those that the starting weights know."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from esc50.config.composition import compose_plain
from esc50.errors import UserError
from esc50.model.pretrained.hub import no_name, read_json
from esc50.model.pretrained.weights import own_checkpoint

# How long a clip is, and what is done to it before its first spectrum, changes no cell's meaning.
FREE = ("seconds", "frames", "width", "channel", "repeat_below", "bands_per_mel")
SCALE = ("input_mean", "input_std")
# The choice of features that transformers' kinds of networks know; what their feature extractors
# call its keys, and how those values are ours.
HUB = "esc50.model.huggingface.hub_network"
OF_KIND = {
    **{"audio-spectrogram-transformer": "ast", "clap": "clap", "clap_audio_model": "clap"},
    "whisper": "whisper",
    **dict.fromkeys(("wav2vec2", "wav2vec2-conformer", "hubert", "wavlm"), "waveform"),
    **dict.fromkeys(("data2vec-audio", "unispeech", "unispeech-sat", "sew", "sew-d"), "waveform"),
}
PREPROCESSOR: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("sampling_rate", "sample_rate", int),
    ("num_mel_bins", "n_mels", int),  # AST's
    ("num_mel_bins", "height", int),
    ("max_length", "frames", int),
    ("max_length", "width", int),
    ("mean", "mean", float),
    ("std", "std", float),
    ("feature_size", "n_mels", int),  # CLAP's and Whisper's; others' says 1
    ("feature_size", "height", int),
    ("n_fft", "n_fft", int),
    ("hop_length", "hop_length", int),
    ("fft_window_size", "n_fft", int),
    ("frequency_min", "fmin", float),
    ("frequency_max", "fmax", float),
    ("max_length_s", "fill_seconds", float),
    ("truncation", "mel_scale", lambda kind: "htk" if kind == "fusion" else "slaney"),
)


def check_features(plain: Mapping[str, Any]) -> None:
    """Refuse features that the starting weights do not know; any will do where there are none.

    A checkpoint of this package knows what it was trained on; a network with `model.front_end`,
    that choice of `features`, whose numbers reach it as they are; one with a
    preprocessor_config.json beside its weights, what that says.

    Raises:
        UserError: naming the key that differs, and the choice.
    """
    weights, choice = plain["model"].get("weights"), plain["model"].get("front_end")
    hub = plain["model"].get("_target_") == HUB
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
    if hub:
        kind = read_json(weights, "config.json").get("model_type")
        choice = OF_KIND.get(str(kind), choice)
    if choice is None:
        return
    section = compose_plain([f"features={choice}"])["features"]
    wanted = {**_without_free(section), **_of_preprocessor(weights, section)}
    differs = [f"features.{k}={_show(v)}" for k, v in wanted.items() if v != section.get(k)]
    remedy = " ".join([f"features={choice}", *differs, "input_mean=0.0 input_std=1.0"])
    scale = dict(zip(SCALE, (0.0, 1.0), strict=True))
    _compare(plain, wanted, scale, f"model.weights={weights}", f": set {remedy}")


def _without_free(features: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in features.items() if key not in FREE}


def _of_preprocessor(weights: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """What a preprocessor_config.json beside the weights says of a section's keys, if it is there.

    One on the hub is read for networks of the hub alone: others lie in files.
    """
    said = {} if Path(weights).is_file() else read_json(weights, "preprocessor_config.json")
    if said.get("feature_size") == 1:
        del said["feature_size"]
    if "mean" in section and said.get("do_normalize") is False:
        said |= {"mean": 0.0, "std": 0.5}  # the logarithms as they are: (x - 0) / (2 * 0.5)
    known = ((theirs, ours, to) for theirs, ours, to in PREPROCESSOR if ours in section)
    wanted = {ours: convert(said[theirs]) for theirs, ours, convert in known if theirs in said}
    if "n_mels" not in section and "do_normalize" in said:  # of a waveform
        wanted["standardise"] = "clip" if said["do_normalize"] else "none"
    return wanted


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

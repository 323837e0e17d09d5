"""What an exported file says of itself: its metadata, and the model card beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esc50 import __version__
from esc50.audio.files.channels import Channel
from esc50.deploy.checkpoints import describe_threshold, flags_of, threshold_of
from esc50.model.trained import TrainedModel
from esc50.results.display.render import render
from esc50.results.labels import label, started_from, tag

# The licence of each data set, as its authors word it, and as model hubs abbreviate it.
LICENCES = {
    "esc50": ("CC BY-NC 3.0 (K. J. Piczak, ESC-50)", "cc-by-nc-3.0"),
    "esc10": ("CC BY 3.0 (K. J. Piczak, ESC-10)", "cc-by-3.0"),
    "demo": ("none: sound synthesised by esc50", "mit"),
}
# What is heard of several channels, unless it is one of them by its number.
HEARD: dict[Channel, str] = {
    None: " (the mean of several channels)",
    "loudest": " (the loudest of several channels)",
}
UNKNOWN_LICENCE = ("that of the clips, which whoever trained on them knows", "other")


@dataclass(frozen=True)
class Checked:
    """What a file answered on clips, beside the checkpoint's network in float32.

    Attributes:
        name: of the file; or the precision, where the checkpoint itself answered.
        clips: how many there were.
        difference: the largest of a probability.
        changed: clips whose most probable class is another one.
        accuracy: on these clips, 0..1; None where their classes are not known.
        words: that must stand beside the accuracy.
    """

    name: str
    clips: int
    difference: float
    changed: int
    accuracy: float | None
    words: str

    def __str__(self) -> str:
        """Say it in a line."""
        parts = [f"probabilities within {self.difference:.1e}", f"{self.changed} answers changed"]
        if self.accuracy is not None:
            parts.append(f"accuracy {100 * self.accuracy:.2f}%{self.words}")
        return f"{self.name}, on {self.clips} clips: {', '.join(parts)}"


def metadata(models: Sequence[TrainedModel], checked: Checked) -> dict[str, str]:
    """Describe a file of one model, or of an ensemble: strings, and `classes` as JSON.

    `threshold` is the probability below which the answer is none of the classes; 0: there is none.

    The accuracy on the run's test clips is `test/acc`, of a leaky split `LEAKY/test/acc`; it is
    left out where it was not measured.
    """
    first, facts = models[0], [model.specification for model in models]
    flags = flags_of(models)
    about = {
        "classes": json.dumps(list(first.classes)),
        "sample_rate": first.spec.sample_rate,
        "n_samples": first.spec.n_samples,
        "experiment": first.specification["experiment"],
        "data": first.specification["data"],
        "data_licence": LICENCES.get(first.specification["data"], UNKNOWN_LICENCE)[0],
        "pretrained_on": first.specification["pretrained_on"] or "nothing",
        "weights_licence": weights_licence(first.specification),
        "teachers": first.specification.get("teachers") or "",
        "protocol": first.specification["protocol"],
        "folds": ", ".join(str(each["fold"]) for each in facts),
        "seeds": ", ".join(str(each["seed"]) for each in facts),
        "signatures": ", ".join(dict.fromkeys(each["signature"] for each in facts)),
        "threshold": f"{threshold_of(models):.6f}",
        **{key: str(holds).lower() for key, holds in flags.items()},
        "checked_on": f"{checked.clips} clips",
        "largest_difference": f"{checked.difference:.2g}",
        "written_by": f"esc50 {__version__}",
    }
    if checked.accuracy is not None:
        about[tag(flags["leaky"], "test/acc")] = f"{checked.accuracy:.4f}"
    return {key: str(value) for key, value in about.items()}


def weights_licence(specification: Mapping[str, Any]) -> str:
    """Say under which licence the weights are that a training started from; "" without any."""
    if specification["pretrained_on"] is None:
        return ""
    said = specification.get("weights_licence")
    return str(said or "that of whoever made them")


def network_name(target: str) -> str:
    """Name what builds the network: one's own with its module, as others have a Net, too."""
    return target.rpartition(".")[2] if target.startswith("esc50.") else target


def words(models: Sequence[TrainedModel]) -> str:
    """Write what must stand beside an accuracy of the models, in brackets, or ""."""
    return label(flags_of(models))


def model_card(models: Sequence[TrainedModel], checked: Sequence[Checked]) -> str:
    """Write a model card: Markdown in Hugging Face's layout.

    Args:
        models: one, or an ensemble.
        checked: what the checkpoint answered in float32, then all else.
    """
    first = models[0]
    return render(
        "model_card.md.j2",
        package="esc50.deploy",
        about=metadata(models, checked[0]),
        classes=list(first.classes),
        spec=first.spec,
        network=network_name(first.config["model"]["_target_"]),
        start=started_from(first.specification),
        precision=first.specification["precision"],
        n_models=len(models),
        words=words(models),
        heard=HEARD.get(first.spec.channel, f" (channel {first.spec.channel} of several)"),
        threshold=describe_threshold(models),
        reference=checked[0],
        checked=checked[1:],
        licence=LICENCES.get(first.specification["data"], UNKNOWN_LICENCE)[1],
    )

"""What is known of weights that others have published: what they learnt from, and their licence."""

import re
from pathlib import Path
from typing import NamedTuple


class Published(NamedTuple):
    """What to say of some weights: the data they have seen, and the licence they are under."""

    pretrained_on: str | None = None
    licence: str | None = None


PANNS = Published("AudioSet", "CC BY 4.0 (Kong et al., PANNs)")
CHOICES = {"imagenet": Published("ImageNet"), "audioset": PANNS}  # names of ours
FILES = {  # by a pattern of their name
    r"Cnn14_mAP=0\.431\.pth": PANNS,
    r"BEATs_iter\d\w*\.pt": Published("AudioSet", "MIT (Microsoft, BEATs)"),
}
HUB = {
    "MIT/ast-finetuned-audioset-10-10-0.4593": Published(
        "ImageNet and AudioSet", "BSD 3-Clause (Gong et al., AST)"
    ),
    **{
        f"facebook/{name}": Published("LibriSpeech", "Apache 2.0 (Meta)")
        for name in ("wav2vec2-base", "hubert-base-ls960", "data2vec-audio-base")
    },
    **{
        f"openai/whisper-{size}": Published(
            "680,000 hours of speech from the web", "Apache 2.0 (OpenAI, Whisper)"
        )
        for size in ("tiny", "base", "small", "medium", "large")
    },
    "laion/clap-htsat-unfused": Published(
        "AudioSet and LAION-Audio-630K, part of it from Freesound", "Apache 2.0 (LAION, CLAP)"
    ),
    "facebook/wav2vec2-base": Published("LibriSpeech", "Apache 2.0 (Meta AI, wav2vec 2.0)"),
    "openai/whisper-tiny": Published(
        "speech of the web that OpenAI does not name", "Apache 2.0 (OpenAI, Whisper)"
    ),
}


def published(weights: str) -> Published:
    """Say what is known of the weights of this name; of others, nothing.

    A file or folder is known by the name it was published under, wherever it lies; another's
    network of the hub is not, whatever it is called.
    """
    if known := (CHOICES | HUB).get(weights):
        return known
    path = Path(weights)
    for name, known in HUB.items():
        if path.is_dir() and path.name == name.rpartition("/")[2]:
            return known
    found = (known for pattern, known in FILES.items() if re.fullmatch(pattern, path.name))
    return next(found, Published())

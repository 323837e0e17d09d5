"""The Hugging Face hub: what it has under a name, or soon an answer that it cannot be reached."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esc50.errors import UserError

NETWORK = "esc50.model.huggingface.hub_network"  # what builds networks of the hub
PATIENCE = 10.0  # seconds


@contextmanager
def without_retries() -> Iterator[None]:
    """Have the hub's downloads fail at once where it does not answer; each waits minutes else.

    What was downloaded before is found all the same.
    """
    try:
        from huggingface_hub import constants
    except ImportError:  # timm or transformers, which need it, will say so
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(place: str) -> bool:
    """Whether a server answers, whatever it says, by way of the proxies that downloads take."""
    from huggingface_hub import get_session

    session: Any = get_session()
    try:
        session.head(place, timeout=PATIENCE)
    except Exception:  # of the two packages that the hub's may do it by
        return False
    return True


def is_name(weights: str) -> bool:
    """Whether `model.weights` is a name on the hub and nothing here."""
    return not weights.startswith((".", "/", "~")) and not Path(weights).exists()


def read_json(weights: str, file: str) -> dict[str, Any]:
    """Read a JSON object beside weights, in a folder or of a name on the hub; {} without one.

    Args:
        weights: the folder, or the name.
        file: what it is called there.
    """
    path = Path(weights) / file
    if is_name(weights):
        try:
            from huggingface_hub import hf_hub_download

            with without_retries():
                path = Path(hf_hub_download(weights, file))
        except Exception:  # no such name or file, or no network: of many kinds
            return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def check_had(weights: str | None) -> None:
    """Refuse a name of which the hub gives no config.json. Raises UserError."""
    if weights is not None and is_name(weights) and not read_json(weights, "config.json"):
        raise not_to_be_had(weights)


def not_to_be_had(weights: str) -> UserError:
    """Say what to do about a name that is nothing here and that the hub does not give."""
    return UserError(
        f"model.weights={weights} is no folder here, and cannot be had from the hub (offline, or "
        f"no such name): where there is a network, `hf download {weights} --local-dir FOLDER`, "
        "and give that folder as model.weights=FOLDER"
    )


def no_name() -> UserError:
    """Say of `model.weights=null` that a network of the hub has no other name."""
    return UserError(
        "model.weights=null names no network: give its name on the Hugging Face hub, such as "
        "MIT/ast-finetuned-audioset-10-10-0.4593, or a folder with its config.json"
    )

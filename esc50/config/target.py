"""The class that a section of the config names by its `_target_`."""

import importlib
from collections.abc import Mapping
from typing import Any

from esc50.errors import UserError


def find_class(section: str, values: Mapping[str, Any]) -> type[Any]:
    """Import the class that a section names by its `_target_`.

    Args:
        section: its name, for the message.
        values: by key.

    Raises:
        UserError: `_target_` is missing or names no class that can be imported.
    """
    target = values.get("_target_")
    key = f"{section}._target_"
    if not isinstance(target, str) or not all(target.rpartition(".")[::2]):
        shown = "null" if target is None else target
        raise UserError(f"{key}={shown} is invalid: it takes a class, as package.module.Class")
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{key}={target} is invalid: {error}") from None
    if not isinstance(found, type):
        raise UserError(f"{key}={target} is invalid: it names something else than a class")
    return found

"""Numbers within their bounds, for the dataclasses that hold a section of the config."""

import math
from dataclasses import fields
from numbers import Integral, Real

from esc50.errors import UserError


def check_bounds(section: str, settings: object, **bounds: tuple[float, float]) -> None:
    """Refuse a setting that is not a number from the lowest to the highest of its bounds.

    Args:
        section: of the config, for the message.
        settings: a dataclass instance; its fields of type int take whole numbers only.
        bounds: by name of a field, or of a pair of fields: `rate` is for `rate_min` and
            `rate_max`, which must be in order besides.

    Raises:
        UserError: naming the key and what it may be.
    """
    kinds = {field.name: field.type for field in fields(settings)}
    for name, (lowest, highest) in bounds.items():
        ends = [name] if name in kinds else [f"{name}_min", f"{name}_max"]
        for end in ends:
            key, value = f"{section}.{end}", getattr(settings, end)
            _check_number(key, value, kinds[end] is int, lowest, highest)
        low, high = getattr(settings, ends[0]), getattr(settings, ends[-1])
        if low > high:
            raise UserError(f"{section}.{ends[0]}={low} must not exceed {section}.{ends[1]}={high}")


def _check_number(key: str, value: object, whole: bool, lowest: float, highest: float) -> None:
    right_type = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if right_type and lowest <= value <= highest:
        return
    kind = "whole number" if whole else "number"
    limits = f"of at least {lowest:g}" if highest == math.inf else f"from {lowest:g} to {highest:g}"
    shown = "null" if value is None else value
    raise UserError(f"{key}={shown} cannot be: it takes a {kind} {limits}")

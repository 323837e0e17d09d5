"""Typed settings: what a section of the config may hold, with one sentence for what it may not."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from esc50.config.choices import renamed
from esc50.errors import UserError

_Kind = TypeVar("_Kind")


class Settings(BaseModel):
    """A section of the config; each room defines its own.

    Every key is checked for its type and bounds, and unknown keys are refused.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    @classmethod
    def parse(cls, section: str, values: Mapping[str, Any]) -> Self:
        """Check a section of the config.

        Args:
            section: its name, for the message; "" for the top level.
            values: by key; `_target_` is passed over.

        Raises:
            UserError: naming the first key that is wrong, its value, and what it may be.
        """
        given = {key: value for key, value in values.items() if key != "_target_"}
        try:
            return cls(**given)
        except ValidationError as error:
            raise UserError(cls._sentence(section, given, error)) from None

    @classmethod
    def _sentence(cls, section: str, given: Mapping[str, Any], error: ValidationError) -> str:
        first = error.errors(include_url=False)[0]
        place, kind = first["loc"], first["type"]
        key = ".".join(map(str, (section, *place[:1]) if section else place[:1]))
        if kind == "extra_forbidden":
            return _unknown(section, str(place[0]), list(cls.model_fields))
        if kind == "missing":
            return f"{key} has no value: give it as {key}=..."
        if not place:  # keys that do not go together: the validator has said it all
            return first["msg"].removeprefix("Value error, ")
        value = "null" if (shown := given[str(place[0])]) is None else shown
        sentence = f"{key}={value} is invalid: it takes {describe(cls, str(place[0]))}"
        if kind == "string_type" and isinstance(shown, bool | int | float):
            text = value if type(shown) is int else "..."  # of 1e3, too, nobody knows the spelling
            sentence += f"; a number, true or false is a text only in quotes: '{key}=\"{text}\"'"
        return sentence


def _unknown(section: str, name: str, known: list[str]) -> str:
    prefix = f"{section}." if section else ""
    if sentence := renamed(f"{prefix}{name}"):
        return sentence
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {prefix}{close[0]}?" if close else "nothing would read it"
    return f"{prefix}{name} is not a setting: {hint}"


def read_json(path: Path, kind: type[_Kind]) -> _Kind | None:
    """Read a JSON file; None where there is none, or it is of another shape, however odd."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValueError):  # pydantic's error is a ValueError
        return None


def describe(settings: type[Settings], name: str) -> str:
    """Say what a key may hold: `a whole number from 1 to 4096, or null`."""
    schema = settings.model_json_schema()["properties"][name]
    return schema.get("description") or _kind(schema)


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return ", or ".join(_kind(choice) for choice in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        known = list(dict.fromkeys(map(str, choices)))  # 16 may be written "16", too
        return f"one of {', '.join(known)}" if len(known) > 1 else known[0]
    if schema.get("type") == "array":
        return f"a list of {schema.get('minItems', 'some')}, each {_kind(schema['items'])}"
    names = {"integer": "a whole number", "number": "a number", "string": "a text"}
    names |= {"boolean": "true or false", "null": "null", "object": "a section"}
    return names.get(schema.get("type", ""), "another value") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {_number(low)} to {_number(high)}"
    limits = ((" above", above), (" of at least", low), (" of at most", high))
    return " and".join(f"{word} {_number(limit)}" for word, limit in limits if limit is not None)


def _number(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"

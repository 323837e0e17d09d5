"""One spelling per value: `3` and `3.0` of a setting that takes any number are one recipe."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from esc50.config.schema.fitted import model_settings
from esc50.config.schema.parts import part_settings
from esc50.config.schema.sections import DataSettings, RunSettings, TrainerSettings
from esc50.config.schema.settings import Settings
from esc50.config.targets import named_settings
from esc50.errors import UserError

# Null as a rule, and a whole number wherever conf/ sets them: runs are called after that.
SPELT_WHOLE = ("data.windows", "features.repeat_below")


def canonical(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a config, each number as its setting reads it: 3.0 for 3, where 3.5 might stand, too.

    Where a whole number means something else (one batch, `trainer.limit_train_batches=1`, is not
    all of them, 1.0) it stays; and so does what parts of one's own are given, which are not
    imported to ask them.

    Args:
        plain: a config in plain dictionaries, or a part of one, whatever it holds.
    """
    copy = {key: _copy(value) for key, value in plain.items()}
    for name, section, settings in _typed(copy):
        for key, value in section.items():
            if type(value) in (int, float, list):
                section[key] = _as_read(f"{name}.{key}", value, settings)
    return copy


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def _typed(plain: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], type[Settings]]]:
    """Go through the sections of a config and the settings that their keys are checked by."""
    yield "", plain, RunSettings
    known: list[tuple[str, Any, type[Settings] | None]] = [
        ("data", plain.get("data"), DataSettings),
        ("trainer", plain.get("trainer"), TrainerSettings),
        ("model", plain.get("model"), model_settings(plain.get("model"))),
        *part_settings(plain),
    ]
    for name in ("data", "split", "features", "augment"):
        with suppress(UserError):  # there is no such target: whoever checks the section says so
            known.append((name, plain.get(name), named_settings(name, plain.get(name))))
    for name, section, settings in known:
        if isinstance(section, dict) and settings is not None:
            yield name, section, settings


def _as_read(key: str, value: Any, settings: type[Settings]) -> Any:
    name = key.rpartition(".")[2]
    if name not in settings.model_fields:
        return value
    try:
        read = _reader(settings, name).validate_python(value)
    except ValidationError:  # whoever checks the settings says what is wrong
        return value
    if key in SPELT_WHOLE and isinstance(read, float) and read.is_integer():
        return int(read)
    return _number(value, read)


def _number(value: Any, read: Any) -> Any:
    """A value as it was read, where it is a whole number, or a list of some, and that is not."""
    if isinstance(value, list) and isinstance(read, list):
        return [_number(*pair) for pair in zip(value, read, strict=True)]
    return read if type(value) is int and type(read) is float else value


@cache
def _reader(settings: type[Settings], name: str) -> TypeAdapter[Any]:
    field = settings.model_fields[name]
    annotation: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotation, config=ConfigDict(strict=True))

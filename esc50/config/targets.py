"""Builds what a section of the config names by `_target_`, once its arguments are known to fit."""

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, cast

from esc50.config.schema.settings import Settings
from esc50.errors import UserError

RESERVED = ("_target_", "_partial_")


def locate(section: str, target: object) -> Callable[..., Any]:
    """Import the class or function that `section._target_` names.

    Raises:
        UserError: there is none, naming the key and why.
    """
    key = f"{section}._target_={'null' if target is None else target}"
    if not isinstance(target, str) or "." not in target.strip("."):
        raise UserError(f"{key} is invalid: it takes a class or a function, as package.module.Name")
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            missing = str(error.name)
            if length > 1 and ".".join(parts[:length]).startswith(missing):
                continue  # a class within a module, perhaps
            raise UserError(f"{key} is invalid: {error}") from None
        except Exception as error:  # a user's own module may fail in any way
            raise UserError(f"{key} cannot be imported: {type(error).__name__}: {error}") from error
        break
    for name in parts[length:]:
        if not hasattr(found, name):
            raise UserError(f"{key} is invalid: {found.__name__} has no attribute {name!r}")
        found = getattr(found, name)
    if not callable(found):
        raise UserError(f"{key} is invalid: it names something else than a class or a function")
    return cast(Callable[..., Any], found)


def named_settings(section: str, values: Any) -> type[Settings] | None:
    """The settings that a section's `_target_` is, if it is of this package: others may be slow.

    Args:
        section: its name in the config.
        values: its keys, whatever they are.
    """
    target = values.get("_target_") if isinstance(values, Mapping) else None
    if not (isinstance(target, str) and target.startswith("esc50.")):
        return None
    found: Any = locate(section, target)
    return found if isinstance(found, type) and issubclass(found, Settings) else None


def check_target(section: str, values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse arguments that the target of a section does not take, or lacks.

    Args:
        section: its name in the config.
        values: its keys, among them `_target_`.
        given: arguments that the run itself adds; those the target does not take are left out.

    Raises:
        UserError: naming the key.
    """
    target = locate(section, values.get("_target_"))
    parameters = _parameters(target)
    if parameters is None:
        return
    named = {
        name
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    for name in arguments(values):
        if name not in named and not takes_any:
            close = difflib.get_close_matches(name, named, n=1)
            hint = f"did you mean {section}.{close[0]}?" if close else f"it has {_some(named)}"
            what = f"{section}.{name} is not an argument of {values['_target_']}"
            raise UserError(f"{what}: {hint}")
    for name, parameter in parameters.items():
        needed = name in named and parameter.default is parameter.empty
        if needed and name not in values and name not in given:
            what = f"{values['_target_']} needs {name}"
            raise UserError(f"{section}: {what}: give it as {section}.{name}=...")


def takes(section: str, values: Mapping[str, Any], argument: str) -> bool:
    """Whether the target of a section takes an argument of that name."""
    parameters = _parameters(locate(section, values.get("_target_"))) or {}
    return argument in parameters


def build(section: str, values: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Any:
    """Build what a section names; with `_partial_: true`, a function that still takes the rest.

    Args:
        section: its name in the config.
        values: its keys, among them `_target_`.
        given: arguments that the run itself adds, where the target takes them.

    Raises:
        UserError: the target does not exist or does not take these arguments.
    """
    given = given or {}
    if not values.get("_partial_"):  # what those still take is known where they are checked
        check_target(section, values, given)
    target = locate(section, values["_target_"])
    parameters = _parameters(target)
    own = {key: value for key, value in given.items() if parameters and key in parameters}
    call = partial(target, **{**own, **arguments(values)})
    if values.get("_partial_"):
        return call
    try:
        return call()
    except ModuleNotFoundError as error:  # an optional package of whoever wrote the target
        raise UserError(f"{section}: {values['_target_']} cannot be made: {error}") from None


@contextmanager
def refusals(section: str, values: Mapping[str, Any], *kinds: type[Exception]) -> Iterator[None]:
    """Tell what a section's target says of values that it cannot do with as a UserError.

    Args:
        section: its name in the config.
        values: its keys, among them `_target_`.
        kinds: what it raises then, beside TypeError and ValueError.
    """
    expected: tuple[type[Exception], ...] = (TypeError, ValueError, *kinds)
    try:
        yield
    except expected as error:
        target = values["_target_"]
        raise UserError(f"{section}: {target} refuses its arguments: {error}") from error


def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """A section's keys but for those that say what is built and how."""
    return {key: value for key, value in values.items() if key not in RESERVED}


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):  # written in C
        return None


def _some(names: set[str]) -> str:
    shown = sorted(names - {"self"})
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")

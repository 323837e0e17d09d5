"""Markdown for people, filled in from the templates beside this file."""

from functools import cache
from typing import TYPE_CHECKING

from esc50.results.tables import escape_markdown

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> str:
    """Fill in a template of esc50/results/templates.

    Values that the filter `md` is given are escaped.

    Args:
        template: the file's name; "summary.md.j2".
        values: what it names; a name without a value is an error.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("esc50.results"),
        autoescape=False,  # Markdown is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    return environment

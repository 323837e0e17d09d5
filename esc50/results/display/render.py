"""Markdown and pages for people, filled in from templates."""

from functools import cache
from typing import TYPE_CHECKING

from esc50.results.display.tables import escape_markdown

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, package: str = "esc50.results", **values: object) -> str:
    """Fill in a template of a package's folder `templates`.

    Values that the filter `md` is given are escaped.

    Args:
        template: the file's name; "summary.md.j2".
        package: that has the folder.
        values: what it names; a name without a value is an error.
    """
    return _environment(package).get_template(template).render(values)


@cache
def _environment(package: str) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    return environment

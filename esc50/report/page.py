"""HTML pages, filled in from the templates beside this file, each whole in one file."""

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from esc50.atomic import atomic_write_text
from esc50.report.figures import TEMPLATES, Chart, chart_json
from esc50.report.names import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def write_page(
    path: Path, template: str, *, title: str, labels: Sequence[str] = (), **values: object
) -> None:
    """Fill in a template and write the page, whole or not at all.

    Args:
        path: the .html file; its folder is made if need be.
        template: see `render_page`.
        title: see `render_page`, and so for what follows.
        labels: the words that must stand beside its numbers.
        values: what else the template names.
    """
    page = render_page(template, title=title, labels=labels, **values)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, page)


def render_page(template: str, *, title: str, labels: Sequence[str] = (), **values: object) -> str:
    """Fill in a template of esc50/report/templates that extends base.html.j2.

    Every value is escaped. Figures are `Chart`s, tables `Table`s, sounds and pictures data:
    URIs, shown by the macros of parts.html.j2.

    Args:
        template: the file's name; "study.html.j2".
        title: of the page.
        labels: the words that must stand beside its numbers; see `esc50.results.labels`.
        values: what else the template names; a name without a value is an error.
    """
    return _environment().get_template(template).render(title=title, labels=labels, **values)


def render_command(text: str) -> "Markup":
    """Show a command as all pages do, for one of another house; `copy.js` makes its button work."""
    from markupsafe import Markup

    parts = _environment().get_template("parts.html.j2").module
    return Markup(parts.command(text))  # type: ignore[attr-defined]  # escaped there


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("esc50.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "asset": read_asset,
        "packed_plotly": _packed_plotly,
        "plotly_templates": TEMPLATES,
    }
    environment.filters |= {"chart_json": _chart_json, "printable": printable}
    return environment


def read_asset(name: str) -> "Markup":
    """A style sheet or script of esc50/report/templates, to stand in the page itself."""
    from markupsafe import Markup

    text = (files("esc50.report") / "templates" / name).read_text(encoding="utf-8")
    return Markup(text)  # our own file


@cache
def _packed_plotly() -> str:
    """The library that draws the figures, as gzip in base64: 2 MB of 5.

    plotly's package has it in full only.
    """
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), mtime=0)  # no date: same page, same bytes
    return base64.b64encode(packed).decode()


def _chart_json(chart: Chart) -> "Markup":
    """A figure's data, safe inside a script element whatever its names are."""
    from jinja2.utils import htmlsafe_json_dumps

    return htmlsafe_json_dumps(chart, dumps=chart_json)

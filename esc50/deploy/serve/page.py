"""The page to try a model in, which a server or the browser itself computes for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from esc50.deploy.checkpoints import describe_threshold, flags_of
from esc50.deploy.predictor import Predictor
from esc50.report.page import read_asset
from esc50.results.display.render import render
from esc50.results.labels import labels

PACKAGE = "esc50.deploy"
COPY = "copy.js"  # makes the button beside a command work, as on the report's pages
# The page's parts, and the template each is; what computes is `predict.js`.
PARTS = {"page.css": "page.css", "page.js": "page.js", "recorder.js": "recorder.js"}
BY_SERVER = {**PARTS, "predict.js": "server.js", COPY: COPY}
IN_BROWSER = {**PARTS, "predict.js": "browser.js"}


def render_page(template: str, predictor: Predictor, **values: Any) -> str:
    """Fill in a page about a model, with the words that must stand beside its answers."""
    first = predictor.members[0].specification
    facts: Mapping[str, Any] = {
        "labels": labels(flags_of(predictor.members)),
        "experiment": first["experiment"],
        "data": first["data"],
        "n_members": len(predictor.members),
        "classes": predictor.classes,
        "spec": predictor.log_mel.spec,
        "threshold": predictor.threshold,
        "about_threshold": describe_threshold(predictor.members),
    }
    return render(template, package=PACKAGE, **facts, **values)


@cache
def read_part(template: str) -> str:
    """Read a style sheet or script of the page."""
    if template == COPY:
        return read_asset(COPY)
    return (files(PACKAGE) / "templates" / template).read_text(encoding="utf-8")

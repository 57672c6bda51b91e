"""Templates of pages: every value is escaped, and one that is not there is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def templates_of(package: str) -> Environment:
    """The templates in a package's folder `templates`; `style` is the style sheet of reports."""
    templates = _environment(package)
    sheet = _environment("neurokit.reporting").get_template("report.css")
    templates.globals["style"] = Markup(sheet.render())
    return templates


def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

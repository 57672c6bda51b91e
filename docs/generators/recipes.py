"""The page of a recipe's keys."""

from __future__ import annotations

import attrs

from generators.parameters import HEADER, rows
from generators.text import Page, code, plain
from neurokit.params import declared_param
from neurokit.schema import Recipe

_COMPONENTS = "components/"


def page() -> Page:
    """Every key that is no component's."""
    made = Page("The keys of a recipe")
    made.documentation(Recipe.__doc__)
    made.paragraph(
        "A table with `use` is a component: its other keys are on the page of its kind. Tables "
        "that are left out have their defaults."
    )
    attrs.resolve_types(Recipe)
    at_the_top = []
    for row in rows(Recipe, links=_COMPONENTS):
        if "." not in row[0]:
            at_the_top.append(row)
    made.table(HEADER, at_the_top)
    for field in attrs.fields(Recipe):
        inside = [
            row for row in rows(Recipe, links=_COMPONENTS) if row[0].startswith(f"`{field.name}.")
        ]
        if inside:
            made.heading(2, code(f"[{field.name}]"))
            made.paragraph(plain(declared_param(field).help).capitalize() + ".")
            made.table(HEADER, inside)
    return made

"""A page for each kind of component, with every component that is installed."""

from __future__ import annotations

import inspect

from generators.parameters import HEADER, long_choices, rows
from generators.text import Page, code, plain
from neurokit.kinds import KINDS, Kind, group_of
from neurokit.registry import Offer, first_line, installed


def pages() -> dict[str, Page]:
    """The page of each kind."""
    return {name: _page(name, kind) for name, kind in KINDS.items()}


def _page(name: str, kind: type[Kind]) -> Page:
    page = Page(f"{name.capitalize()}")
    page.documentation(kind.__doc__)
    page.paragraph(f"Offered under the entry points {code(group_of(name))}.")
    offers = [offer for offer in installed().offers if offer.kind == name]
    page.table(
        ("`use`", "what it is", "package"),
        (
            (f"[`{offer.name}`](#{label(offer)})", plain(_summary(offer)), offer.distribution)
            for offer in offers
        ),
    )
    for offer in offers:
        _component(page, offer)
    page.heading(2, "What one must be able to do")
    for method, documented in _work_of(kind):
        page.heading(3, code(method))
        page.documentation(documented)
    return page


def _component(page: Page, offer: Offer) -> None:
    component = installed().load(offer)
    page.heading(2, code(offer.name), label(offer))
    page.documentation(component.__doc__)
    page.paragraph(f"From {code(offer.distribution)}; {code(f'neurokit show {offer.name}')}.")
    page.table(HEADER, rows(component))
    for name, values in long_choices(component):
        page.paragraph(f"{name} is one of {values}.")


def label(offer: Offer) -> str:
    """What a component's heading is linked by."""
    return f"{offer.kind}-{offer.name}".replace("_", "-")


def _summary(offer: Offer) -> str:
    return first_line(installed().load(offer))


def _work_of(kind: type[Kind]) -> list[tuple[str, str | None]]:
    """The kind's own methods, with their arguments, and what is said of them."""
    found = []
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            found.append((name, member.__doc__))
        elif inspect.isfunction(member):
            arguments = [each for each in inspect.signature(member).parameters if each != "self"]
            found.append((f"{name}({', '.join(arguments)})", member.__doc__))
    return found

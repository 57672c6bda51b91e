"""The pages of hooks: what a run tells, and the installed plugins that listen."""

from __future__ import annotations

import inspect
from types import ModuleType

from generators.text import Page, code
from neurokit import hooks
from neurokit.hooks import GROUP, Specification, offered_hooks


def page() -> Page:
    """Every hook with its arguments."""
    made = Page("Hooks")
    made.documentation(hooks.__doc__)
    for name, function in vars(Specification).items():
        if inspect.isfunction(function):
            arguments = [each for each in inspect.signature(function).parameters if each != "self"]
            made.heading(2, code(f"{name}({', '.join(arguments)})"))
            made.documentation(function.__doc__)
    return made


def plugins_page() -> Page:
    """The installed hook plugins."""
    made = Page("Hook")
    made.paragraph(
        f"Hook plugins listen to every run, and have no place in a recipe. They are offered "
        f"under the entry points {code(GROUP)}; [hooks](../hooks.md) says what they are told."
    )
    for offer in offered_hooks():
        plugin = offer.load()
        documented = plugin if isinstance(plugin, ModuleType) else type(plugin)
        made.heading(2, code(offer.name))
        made.documentation(documented.__doc__)
        made.paragraph(f"From {code(offer.distribution)}.")
    return made

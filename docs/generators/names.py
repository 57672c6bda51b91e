"""The page of the Python names: what plugins and notebooks may use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import neurokit
from generators.text import Page, code, plain
from neurokit.kinds import KINDS

_WIDTH = 70


def page() -> Page:
    """Every name of `neurokit.__all__`."""
    made = Page("Python")
    made.documentation(neurokit.__doc__)
    for name in sorted(neurokit.__all__, key=str.lower):
        value = getattr(neurokit, name)
        made.heading(2, code(f"neurokit.{name}"))
        if value in KINDS.values():
            made.paragraph(f"A kind: [{value.kind}](components/{value.kind}.md).")
        elif signature := _arguments(value):
            made.code("python", f"{name}{signature}")
        made.documentation(value.__doc__)
        for member, text in _members(value):
            made.heading(3, code(f"{name}.{member}"))
            made.documentation(text)
    return made


class _Bare(str):
    """An annotation as it is written, without quotation marks around it."""

    def __repr__(self) -> str:
        return str(self)


def _arguments(value: object) -> str:
    """The arguments of what can be called, a line each where they are many; else nothing."""
    if not callable(value) or getattr(value, "_is_protocol", False):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    bare = [
        each.replace(annotation=_Bare(each.annotation))
        if isinstance(each.annotation, str)
        else each
        for each in signature.parameters.values()
    ]
    result = signature.return_annotation
    result = _Bare(result) if isinstance(result, str) and not inspect.isclass(value) else result
    if inspect.isclass(value) or result is None:
        result = inspect.Signature.empty
    written = signature.replace(parameters=bare, return_annotation=result)
    if len(str(written)) <= _WIDTH:
        return str(written)
    *lines, end = _one_by_one(written)
    return "\n".join(["(", *(f"    {line}," for line in lines), end])


def _one_by_one(signature: inspect.Signature) -> Iterator[str]:
    """Each argument, with the star before those that must be named; then what follows them."""
    named = False
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not named:
            named = True
            yield "*"
        yield str(each)
    result = signature.return_annotation
    yield ")" if result is signature.empty else f") -> {inspect.formatannotation(result)}"


def _members(value: object) -> Iterator[tuple[str, str | None]]:
    """A class's own public methods and properties that are documented; a kind has its own page."""
    if not inspect.isclass(value) or value in KINDS.values():
        return
    for name, member in vars(value).items():
        if name.startswith("_"):
            continue
        function = getattr(member, "__func__", member)
        if not function.__doc__:
            continue
        if isinstance(member, property):
            yield name, member.__doc__
        elif inspect.isfunction(function):
            yield f"{name}({', '.join(_names(function))})", function.__doc__


def _names(function: object) -> list[str]:
    assert callable(function)
    return [
        plain(each)
        for each in inspect.signature(function).parameters
        if each not in ("self", "cls")
    ]

"""The parameters of an attrs class, as the rows of a table."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import attrs
import tomli_w

from generators.text import code, plain
from neurokit.kinds import KINDS, Kind
from neurokit.params import declared_param
from neurokit.recipe import to_table
from neurokit.registry import installed
from neurokit.structuring import type_words

HEADER = ("key", "what it is", "type", "default")

Row = tuple[str, str, str, str]

_MANY = 6
"""Values that a cell of the table has room for."""


def rows(settings: type, prefix: str = "", links: str = "") -> Iterator[Row]:
    """A row for each parameter, those of tables inside with dots in their names.

    Args:
        settings: an attrs class.
        prefix: what stands before each name, such as `train.`.
        links: from the page to the folder of the components' pages.
    """
    attrs.resolve_types(settings)
    for field in attrs.fields(settings):
        if not field.init:
            continue
        inner = _table_inside(field.type)
        if inner is not None:
            yield from rows(inner, f"{prefix}{field.name}.", links)
            continue
        named = _tables_under_names(field.type)
        if named is not None:
            yield from rows(named, f"{prefix}{field.name}.NAME.", links)
            continue
        declared = declared_param(field)
        allowed = f" ({declared.range})" if declared.range and not declared.choices else ""
        words = _words(field.type, links)
        if declared.choices and len(declared.choices) > _MANY:
            words = f"one of {len(declared.choices)} values, below"
        elif declared.choices:
            words = " or ".join(map(_value, declared.choices))
        yield code(prefix + field.name), plain(declared.help), words + allowed, _default(field)


def long_choices(settings: type) -> Iterator[tuple[str, str]]:
    """Each parameter that may be one of many values, and these values."""
    for field in attrs.fields(settings):
        declared = declared_param(field)
        if declared.choices and len(declared.choices) > _MANY:
            yield code(field.name), ", ".join(map(_value, declared.choices))


def _value(value: object) -> str:
    return code(_inline(value))


def _words(wanted: Any, links: str) -> str:
    """A type in words; a kind of component links to its page."""
    alternatives = [each for each in get_args(wanted) if each is not types.NoneType]
    if isinstance(wanted, types.UnionType) and len(alternatives) == 1:
        return _words(alternatives[0], links)
    if wanted in KINDS.values():
        article = "an" if wanted.kind[0] in "aeiou" else "a"
        return f"{article} [{wanted.kind}]({links}{wanted.kind}.md)"
    if get_origin(wanted) is tuple and alternatives and alternatives[0] in KINDS.values():
        return f"a list, each {_words(alternatives[0], links)}"
    if get_origin(wanted) is dict:
        return f"a table of names, each {_words(alternatives[1], links)}"
    return plain(type_words(wanted))


def _table_inside(wanted: Any) -> type | None:
    """The attrs class of a field that is a table without `use`."""
    candidates = get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    for each in candidates:
        if isinstance(each, type) and attrs.has(each) and not issubclass(each, Kind):
            return each
    return None


def _tables_under_names(wanted: Any) -> type | None:
    """The attrs class of a field that holds such tables under names of the author's choice."""
    return _table_inside(get_args(wanted)[1]) if get_origin(wanted) is dict else None


def _default(field: attrs.Attribute[Any]) -> str:
    default = field.default
    if default is attrs.NOTHING:
        return "required"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()  # type: ignore[union-attr]
    if default is None:
        return "none"
    return code(_inline(to_table(default, installed())))


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_inline(each) for each in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {_inline(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomli_w.dumps({"v": value})[len("v = ") :].strip()

"""Listing: a component's parameters as a TOML table, with what one has to know of each."""

from __future__ import annotations

import inspect
import types
from difflib import get_close_matches
from typing import Any, get_args

import attrs
import tomli_w

from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Kind
from neurokit.params import declared_param
from neurokit.recipe import to_table
from neurokit.registry import Offer, Registry, installed
from neurokit.structuring import type_words

_TABLES = {
    "dataset": "data.train",
    "augmentation": "[train.augmentations]",
    "metric": "[metrics]",
}


def described(name: str, kind: str | None = None, registry: Registry | None = None) -> str:
    """The component as a commented TOML table: every parameter with its default.

    Args:
        name: as in a recipe's `use`.
        kind: needed where components of several kinds share the name.

    Raises:
        NeurokitError: there is no such component, several, or it cannot be loaded.
    """
    registry = registry or installed()
    offer = _the_offer(name, kind, registry)
    component = registry.load(offer)
    header = _TABLES.get(offer.kind, offer.kind)
    lines = [
        f"# {line}".rstrip() for line in inspect.cleandoc(component.__doc__ or "").splitlines()
    ]
    lines += [f"# ({offer.kind} of {offer.origin})", f"[{header}]"]
    lines.append(f'use = "{registry.name_of(component)}"')
    lines += _parameters(component, header.strip("[]"), registry)
    return "\n".join(lines)


def _the_offer(name: str, kind: str | None, registry: Registry) -> Offer:
    if kind is not None:
        if kind not in KINDS:
            raise NeurokitError(f"there is no kind '{kind}'; there are {', '.join(KINDS)}")
        return registry.find(kind, name)
    distribution, _, bare = name.rpartition(":")
    kinds = sorted(
        {
            offer.kind
            for offer in registry.offers
            if offer.name == bare and distribution in ("", offer.distribution)
        }
    )
    if len(kinds) == 1:
        return registry.find(kinds[0], name)
    if kinds:
        raise NeurokitError(f"'{name}' is a {' and a '.join(kinds)}; choose with --kind")
    near = get_close_matches(bare, {offer.name for offer in registry.offers}, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "see neurokit list-plugins"
    raise NeurokitError(f"there is no component '{name}'; {hint}")


def _parameters(settings: type, table: str, registry: Registry) -> list[str]:
    """A line of help and a line of TOML for each parameter; tables inside come last."""
    attrs.resolve_types(settings)
    lines: list[str] = []
    tables: list[str] = []
    for field in attrs.fields(settings):
        if not field.init:
            continue
        declared = declared_param(field)
        default = _default(field)
        inner = _inner_table(field.type)
        if inner is not None and not isinstance(default, Kind):
            tables += ["", f"[{table}.{field.name}]  # {declared.help}"]
            tables += _parameters(inner, f"{table}.{field.name}", registry)
            continue
        about = [declared.help, type_words(field.type), declared.range]
        comment = "; ".join(dict.fromkeys(part for part in about if part))
        lines += ["", f"# {comment}", _pair(field.name, default, registry)]
    return lines + tables


def _default(field: attrs.Attribute[Any]) -> Any:
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return field.default.factory()  # type: ignore[union-attr]
    return field.default


def _inner_table(wanted: Any) -> type | None:
    """The attrs class of a field that is a table without `use`."""
    candidates = get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    for each in candidates:
        if isinstance(each, type) and attrs.has(each):
            return each
    return None


def _pair(name: str, default: Any, registry: Registry) -> str:
    if default is attrs.NOTHING:
        return f"# {name} =   (required)"
    if default is None:
        return f"# {name} =   (none unless given)"
    return f"{name} = {_inline(to_table(default, registry))}"


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, list):
        return f"[{', '.join(_inline(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_inline(each)}' for key, each in value.items())} }}"
    return tomli_w.dumps({"v": value})[len("v = ") :].strip()

"""Listing: a component's parameters as a TOML table, with what one has to know of each."""

from __future__ import annotations

import inspect
import textwrap
import types
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

import attrs
import tomli_w

from neurokit.errors import NeurokitError
from neurokit.hooks import HookOffer, offered_hooks
from neurokit.kinds import KINDS, Kind
from neurokit.params import declared_param
from neurokit.recipe import to_table
from neurokit.registry import Offer, Registry, installed
from neurokit.shipped import WeightsOffer, offered_weights
from neurokit.structuring import type_words

_WIDTH = 100

_TABLES = {
    "dataset": "data.train",
    "augmentation": "[train.augmentations]",
    "metric": "[metrics]",
}


def described(name: str, kind: str | None = None, registry: Registry | None = None) -> str:
    """The component as a commented TOML table: every parameter with its default.

    A hook plugin has none, and only its documentation is shown; of weights, their card.

    Args:
        name: as in a recipe's `use`.
        kind: needed where components of several kinds share the name.

    Raises:
        NeurokitError: there is no such component, several, or it cannot be loaded.
    """
    registry = registry or installed()
    offer = _the_offer(name, kind, registry)
    if isinstance(offer, HookOffer):
        return _described_hook(offer)
    if isinstance(offer, WeightsOffer):
        return offer.card()
    component = registry.load(offer)
    header = _TABLES.get(offer.kind, offer.kind)
    lines = [*_documentation(component), f"# ({offer.kind} of {offer.origin})"]
    if offer.kind == "archive":
        lines.append(f"# It has no place in a recipe: neurokit fetch {name} [key=value]...")
    lines.append(f"[{header}]")
    lines.append(f'use = "{registry.name_of(component)}"')
    lines += _parameters(component, header.strip("[]"), registry)
    return "\n".join(lines)


def component_table(
    name: str, kind: str | None = None, registry: Registry | None = None
) -> dict[str, Any]:
    """The component as plain values, for JSON.

    Args:
        name: as in a recipe's `use`.
        kind: needed where components of several kinds share the name.

    Returns:
        `kind`, `name`, `package`, `version`, `documentation`, and `parameters`, a list of tables
        with `key` (dotted where it is in a table, NAME standing for a name of one's choice),
        `help`, `type` and `range` in words, `required`, and `default`, which is None where there is
        none. A hook has no parameters; weights have none, and their card is the documentation.

    Raises:
        NeurokitError: there is no such component, several, or it cannot be loaded.
    """
    registry = registry or installed()
    offer = _the_offer(name, kind, registry)
    parameters: list[dict[str, Any]] = []
    if isinstance(offer, WeightsOffer):
        documentation = offer.card()
    elif isinstance(offer, HookOffer):
        documentation = inspect.cleandoc(_documented_of_hook(offer).__doc__ or "")
    else:
        component = registry.load(offer)
        documentation = inspect.cleandoc(component.__doc__ or "")
        parameters = _parameter_tables(component, "", registry)
    return {
        "kind": offer.kind,
        "name": offer.name,
        "package": offer.distribution,
        "version": offer.version,
        "documentation": documentation,
        "parameters": parameters,
    }


def toml_text(table: dict[str, Any], above: str = "") -> str:
    """A table as TOML to look at: like that of `tomli_w`, with short lists on one line.

    Args:
        table: plain values.
        above: what the headers of the tables in it begin with.
    """
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [
        f"{_key(key)} = {_spread(value, len(key) + 3)}"
        for key, value in table.items()
        if key not in inner
    ]
    for key, value in inner.items():
        name = f"{above}{_key(key)}"
        text = toml_text(value, f"{name}.")
        # A table of tables alone needs no header.
        lines += [text] if text.startswith("\n") else ["", f"[{name}]", *([text] if text else [])]
    return "\n".join(lines)


def _the_offer(name: str, kind: str | None, registry: Registry) -> Offer | HookOffer | WeightsOffer:
    distribution, _, bare = name.rpartition(":")
    # Weights are named after the package that holds them, all else after what installed it.
    others: list[HookOffer | WeightsOffer] = [*offered_hooks(), *offered_weights()]
    offers: list[Offer | HookOffer | WeightsOffer] = [*registry.offers, *others]
    named = [
        each
        for each in offers
        if each.name == bare
        and distribution in ("", each.distribution, getattr(each, "package", None))
    ]
    kinds = sorted({each.kind for each in named})
    if kind is None:
        if len(kinds) > 1:
            raise NeurokitError(f"'{name}' is {' and '.join(map(_one, kinds))}; choose with --kind")
        if not kinds:
            near = get_close_matches(bare, {each.name for each in offers}, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see neurokit list-plugins"
            raise NeurokitError(f"there is no component '{name}'; {hint}")
        (kind,) = kinds
    if kind in KINDS:
        return registry.find(kind, name)
    its = [each for each in named if each.kind == kind and not isinstance(each, Offer)]
    if len(its) == 1:
        return its[0]
    if its:
        choices = " or ".join(f"'{each.distribution}:{bare}'" for each in its)
        raise NeurokitError(f"several packages offer the {kind} '{name}'; use {choices}")
    known = ", ".join(each.name for each in others if each.kind == kind)
    there = "are no weights" if kind == "weights" else f"is no {kind}"
    raise NeurokitError(f"there {there} '{name}'; installed: {known or 'none'}")


def _one(kind: str) -> str:
    """A kind with its article."""
    if kind == "weights":
        return kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _described_hook(offer: HookOffer) -> str:
    lines = [
        *_documentation(_documented_of_hook(offer)),
        f"# (hook of {offer.distribution} {offer.version})",
        "# It listens to every run, and has no place in a recipe.",
    ]
    return "\n".join(lines)


def _documented_of_hook(offer: HookOffer) -> types.ModuleType | type:
    plugin = offer.load()
    return plugin if isinstance(plugin, types.ModuleType) else type(plugin)


def _documentation(documented: object) -> list[str]:
    return [
        f"# {line}".rstrip() for line in inspect.cleandoc(documented.__doc__ or "").splitlines()
    ]


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
        named = _named_tables(field.type)
        if named is not None:
            tables += ["", f"[{table}.{field.name}.NAME]  # {declared.help}"]
            tables += _parameters(named, f"{table}.{field.name}.NAME", registry)
            continue
        lines += ["", *_about(field), _pair(field.name, default, registry)]
    return lines + tables


def _parameter_tables(settings: type, above: str, registry: Registry) -> list[dict[str, Any]]:
    """What is declared of each parameter, as plain values."""
    attrs.resolve_types(settings)
    found: list[dict[str, Any]] = []
    for field in attrs.fields(settings):
        if not field.init:
            continue
        default = _default(field)
        key = f"{above}{field.name}"
        inner = _inner_table(field.type)
        if inner is not None and not isinstance(default, Kind):
            found += _parameter_tables(inner, f"{key}.", registry)
            continue
        named = _named_tables(field.type)
        if named is not None:
            found += _parameter_tables(named, f"{key}.NAME.", registry)
            continue
        declared = declared_param(field)
        required = default is attrs.NOTHING
        found.append(
            {
                "key": key,
                "help": declared.help,
                "type": _words(field.type),
                "range": declared.range,
                "required": required,
                "default": None if required else to_table(default, registry),
            }
        )
    return found


def _about(field: attrs.Attribute[Any]) -> list[str]:
    """What a parameter is and may be, in lines of comment."""
    declared = declared_param(field)
    # The words for a type of a few values name them.
    allowed = "" if _named_values(field.type) else declared.range
    about = [declared.help, _words(field.type), allowed]
    comment = "; ".join(dict.fromkeys(part for part in about if part))
    return textwrap.wrap(
        comment,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _words(wanted: Any) -> str:
    """A type in words, with what a table of it holds."""
    alternatives = [each for each in get_args(wanted) if each is not types.NoneType]
    if isinstance(wanted, types.UnionType) and len(alternatives) == 1:
        return _words(alternatives[0])
    if wanted in KINDS.values():
        return f'a table with use = "name", the name of a component of the kind {wanted.kind}'
    if get_origin(wanted) is dict:
        return f"a table of names, each {type_words(alternatives[1])}"
    return type_words(wanted)


def _named_values(wanted: Any) -> bool:
    """Whether a type is one of a few values."""
    return get_origin(wanted) is Literal


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


def _named_tables(wanted: Any) -> type | None:
    """The attrs class of a field that holds such tables under names of the author's choice."""
    return _inner_table(get_args(wanted)[1]) if get_origin(wanted) is dict else None


def _pair(name: str, default: Any, registry: Registry) -> str:
    if default is attrs.NOTHING:
        return f"# {name} =   (required)"
    if default is None:
        return f"# {name} =   (none unless given)"
    return f"{name} = {_spread(to_table(default, registry), len(name) + 3)}"


def _key(key: str) -> str:
    """A key as TOML writes it, in quotes where it must be."""
    return tomli_w.dumps({key: 0}).partition(" = ")[0]


def _spread(value: Any, before: int) -> str:
    """A value on one line of TOML; of one too long for that, lists get a line for each entry.

    Args:
        value: plain.
        before: how many characters stand before it.
    """
    text = _inline(value)
    if before + len(text) <= _WIDTH:
        return text
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_spread(each, before)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        entries = "".join(f"  {_inline(each)},\n" for each in value)
        return f"[\n{entries}]"
    return text


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, list):
        return f"[{', '.join(_inline(each) for each in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomli_w.dumps({"v": value})[len("v = ") :].strip()

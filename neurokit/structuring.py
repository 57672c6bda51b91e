"""From plain TOML values to settings and components: strictly, and with every error at once.

Nothing is coerced: `"7"` is not 7, 7.0 is not 7, true is not 1; only an integer may stand for a
floating number. Supported types of a parameter are int, float, bool, str, Literal, unions of
these, None (by leaving the key out), tuples, dicts with string keys, other attrs classes (a table),
and kinds (a table with `use`).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import cattrs

from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Kind
from neurokit.params import declared_param

Path = tuple[str | int, ...]
Hook = Callable[[Any, Any], Any]
FindComponent = Callable[[str, str], type[Kind]]
"""From (kind, name as a recipe's `use` gives it) to the component; raises NeurokitError."""


@attrs.frozen
class Problem:
    """One thing wrong with a value, and where in it."""

    path: Path
    message: str


class Invalid(Exception):
    """A value that does not fit its type, with every problem found in it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def make_converter(find_component: FindComponent) -> cattrs.Converter:
    """A converter whose `structure` raises `Invalid`, and nothing else, on unfit values.

    `get_structure_hook(cls)` raises NeurokitError where a field of `cls`, at any depth, has a type
    that recipes cannot express.
    """
    converter = cattrs.Converter()
    for plain in (bool, int, float, str):
        converter.register_structure_hook(plain, _structure_plain)
    converter.register_structure_hook_func(lambda t: get_origin(t) is Literal, _structure_literal)
    converter.register_structure_hook_factory(
        _is_union, lambda t: _union_hook([_hook(converter, each) for each in get_args(t)])
    )
    converter.register_structure_hook_factory(
        lambda t: get_origin(t) is tuple, lambda t: _tuple_hook(converter, t)
    )
    converter.register_structure_hook_factory(
        lambda t: get_origin(t) is dict, lambda t: _dict_hook(converter, t)
    )
    converter.register_structure_hook_factory(attrs.has, lambda t: _table_hook(converter, t))
    converter.register_structure_hook_factory(
        lambda t: t in KINDS.values(), lambda t: _component_hook(converter, t, find_component)
    )
    return converter


def _hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    """The hook for a type, refusing what cattrs would accept by coercion."""
    supported = (
        wanted in (bool, int, float, str, types.NoneType)
        or get_origin(wanted) in (Literal, tuple, dict)
        or _is_union(wanted)
        or attrs.has(wanted)
        or wanted in KINDS.values()
    )
    if not supported:
        raise NeurokitError(f"a recipe cannot express a value of type {wanted}")
    if wanted is types.NoneType:
        return _refuse_none
    return typing.cast(Hook, converter.get_structure_hook(wanted))


def _is_union(wanted: Any) -> bool:
    return get_origin(wanted) in (Union, types.UnionType)


def _refuse_none(value: Any, _: Any) -> None:
    raise Invalid([Problem((), "leave the key out to have none")])


def _structure_plain(value: Any, wanted: Any) -> Any:
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise Invalid([Problem((), f"must be {type_words(wanted)}, not {_shown(value)}")])
    return value


def _structure_literal(value: Any, wanted: Any) -> Any:
    allowed = get_args(wanted)
    if not any(value == each and type(value) is type(each) for each in allowed):
        near = get_close_matches(str(value), map(str, allowed), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise Invalid(
            [Problem((), f"must be {type_words(wanted)}, not {_shown(value)}{hint}")]
        )
    return value


def _union_hook(hooks: list[Hook]) -> Hook:
    """Tries each alternative; of the failures, the one that got furthest is the best message."""

    def structure(value: Any, wanted: Any) -> Any:
        deepest: Invalid | None = None
        for hook, alternative in zip(hooks, get_args(wanted), strict=True):
            try:
                return hook(value, alternative)
            except Invalid as error:
                depth = max(len(problem.path) for problem in error.problems)
                if depth > 0 or isinstance(value, dict):
                    deepest = error if alternative is not types.NoneType else deepest
        if deepest is not None:
            raise deepest
        raise Invalid([Problem((), f"must be {type_words(wanted)}, not {_shown(value)}")])

    return structure


def _tuple_hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    arguments = get_args(wanted)
    endless = len(arguments) == 2 and arguments[1] is ...
    kinds = arguments[:1] if endless else arguments
    hooks = [_hook(converter, each) for each in kinds]

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise Invalid([Problem((), f"must be {type_words(wanted)}, not {_shown(value)}")])
        if not endless and len(value) != len(hooks):
            message = f"must be {type_words(wanted)}, not a list of {len(value)}"
            raise Invalid([Problem((), message)])
        pairs = zip(hooks, kinds, strict=True)
        each = [next(pairs)] * len(value) if endless else list(pairs)
        return tuple(_collect((i, *each[i], item) for i, item in enumerate(value)).values())

    return structure


def _dict_hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    _, of = get_args(wanted)
    hook = _hook(converter, of)

    def structure(value: Any, _: Any) -> dict[str, Any]:
        _require_table(value)
        return _collect((key, hook, of, item) for key, item in value.items())

    return structure


def _table_hook(converter: cattrs.Converter, cls: Any) -> Hook:
    attrs.resolve_types(cls)
    fields = {field.name: field for field in attrs.fields(cls) if field.init}
    hooks = {name: _hook(converter, field.type) for name, field in fields.items()}

    def structure(value: Any, _: Any) -> Any:
        _require_table(value)
        problems = [
            Problem((key,), _unknown("parameter", key, list(fields)))
            for key in value
            if key not in fields
        ]
        problems += [
            Problem((), f"the parameter '{name}' is missing")
            for name, field in fields.items()
            if field.default is attrs.NOTHING and name not in value
        ]
        given = [(n, hooks[n], fields[n].type, value[n]) for n in fields if n in value]
        try:
            arguments = _collect(given)
        except Invalid as error:
            raise Invalid(problems + error.problems) from None
        for name, argument in arguments.items():
            unfit = declared_param(fields[name]).problem(argument)
            if unfit is not None:
                problems.append(Problem((name,), unfit))
        if problems:
            raise Invalid(problems)
        try:
            return cls(**arguments)
        except (NeurokitError, ValueError) as error:  # a check across fields
            raise Invalid([Problem((), str(error))]) from error

    return structure


def _component_hook(
    converter: cattrs.Converter, kind: type[Kind], find_component: FindComponent
) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        _require_table(value)
        name = value.get("use")
        if not isinstance(name, str):
            path: Path = ("use",) if "use" in value else ()
            raise Invalid([Problem(path, f'needs use = "name", the name of a {kind.kind}')])
        try:
            component = find_component(kind.kind, name)
        except NeurokitError as error:
            raise Invalid([Problem(("use",), str(error))]) from error
        rest = {key: item for key, item in value.items() if key != "use"}
        return converter.get_structure_hook(component)(rest, component)

    return structure


def _collect(items: Any) -> dict[Any, Any]:
    """Structure each of (key, hook, type, value), and raise all their problems together."""
    done: dict[Any, Any] = {}
    problems: list[Problem] = []
    for key, hook, wanted, value in items:
        try:
            done[key] = hook(value, wanted)
        except Invalid as error:
            problems += [Problem((key, *each.path), each.message) for each in error.problems]
    if problems:
        raise Invalid(problems)
    return done


def _require_table(value: Any) -> None:
    if not isinstance(value, dict):
        raise Invalid([Problem((), f"must be a table, not {_shown(value)}")])


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"unknown {what} '{name}'; did you mean '{near[0]}'?"
    return f"unknown {what} '{name}'; there is " + (", ".join(known) or "none")


def _shown(value: Any) -> str:
    """A value as the author of a recipe sees it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string '{value}'"
    if isinstance(value, dict):
        return "a table"
    return str(value)


def type_words(wanted: Any) -> str:
    """A type in a recipe author's words: "an integer", "a list of 3 numbers"."""
    one = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    many = {int: "integers", float: "numbers", str: "strings"}
    if wanted in one:
        return one[wanted]
    arguments = get_args(wanted)
    if get_origin(wanted) is Literal:
        return " or ".join(f"'{each}'" if isinstance(each, str) else str(each) for each in arguments)
    if _is_union(wanted):
        return " or ".join(type_words(each) for each in arguments if each is not types.NoneType)
    if get_origin(wanted) is tuple:
        endless = len(arguments) == 2 and arguments[1] is ...
        count = "" if endless else f"{len(arguments)} "
        plural = many.get(arguments[0])
        if plural is None and get_origin(arguments[0]) is tuple:
            plural = type_words(arguments[0]).removeprefix("a ").replace("list", "lists", 1)
        return f"a list of {count}{plural or 'tables'}"
    return "a table"

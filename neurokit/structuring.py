"""From plain TOML values to settings and components: strictly, and with every error at once.

Nothing is coerced: `"7"` is not 7, 7.0 is not 7, true is not 1; only an integer may stand for a
floating number, and NaN is none. Supported types of a parameter are int, float, bool, str, Literal,
unions of these, None (by leaving the key out), tuples, dicts with string keys, other attrs classes
(a table), and kinds (a table with `use`).

Bounds and choices hold in Python, too, where a wrong value is a programmer's ValueError; what a
recipe says wrong is a `Problem` with its place.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Literal, NewType, Union, get_args, get_origin

import attrs
import cattrs

from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Kind
from neurokit.params import declared_param

Path = tuple[str | int, ...]
Hook = Callable[[Any, Any], Any]
Item = tuple[str | int, Hook, Any, Any]
"""A key, the hook for its type, the type, and the value."""
Plain = NewType("Plain", object)
"""The type of a parameter that is taken as it stands in the recipe, and checked elsewhere."""
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
    converter.register_structure_hook_func(lambda t: t is Plain, lambda value, _: value)
    converter.register_structure_hook_func(lambda t: _origin(t) is Literal, _structure_literal)
    converter.register_structure_hook_factory(_is_union, lambda t: _union_hook(converter, t))
    converter.register_structure_hook_factory(
        lambda t: _origin(t) is tuple, lambda t: _tuple_hook(converter, t)
    )
    converter.register_structure_hook_factory(
        lambda t: _origin(t) is dict, lambda t: _dict_hook(converter, t)
    )
    converter.register_structure_hook_factory(attrs.has, lambda t: _table_hook(converter, t))
    converter.register_structure_hook_factory(
        lambda t: t in KINDS.values(), lambda t: _component_hook(converter, t, find_component)
    )
    return converter


def _hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    """The hook for a type, refusing what cattrs would accept by coercion."""
    supported = (
        wanted in (bool, int, float, str, Plain)
        or _origin(wanted) is Literal
        or (_origin(wanted) is tuple and get_args(wanted) != ())
        or (_origin(wanted) is dict and get_args(wanted)[0] is str)
        or _is_union(wanted)
        or wanted in KINDS.values()
        or (attrs.has(wanted) and not issubclass(wanted, Kind))
    )
    if not supported:
        name = wanted.__qualname__ if isinstance(wanted, type) else str(wanted)
        raise NeurokitError(f"recipes cannot express the type {name}")
    return converter.get_structure_hook(wanted)


def _is_union(wanted: Any) -> bool:
    return _origin(wanted) in (Union, types.UnionType)


def _origin(wanted: Any) -> Any:
    return get_origin(wanted)


def _structure_plain(value: Any, wanted: Any) -> Any:
    if wanted is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if type(value) is not wanted or value != value:
        raise _unfit(value, wanted)
    return value


def _unfit(value: Any, wanted: Any) -> Invalid:
    return Invalid([Problem((), f"must be {type_words(wanted)}, not {shown(value)}")])


def _structure_literal(value: Any, wanted: Any) -> Any:
    allowed = get_args(wanted)
    if not any(value == each and type(value) is type(each) for each in allowed):
        near = get_close_matches(str(value), map(str, allowed), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise Invalid([Problem((), f"must be {type_words(wanted)}, not {shown(value)}{hint}")])
    return value


def _union_hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    """Tries each alternative; a failure inside a list or a table says more than one at its door."""
    alternatives = [each for each in get_args(wanted) if each is not types.NoneType]
    hooks = [_hook(converter, each) for each in alternatives]
    if len(hooks) == 1:
        return lambda value, _: hooks[0](value, alternatives[0])

    def structure(value: Any, _: Any) -> Any:
        inside: Invalid | None = None
        for hook, alternative in zip(hooks, alternatives, strict=True):
            try:
                return hook(value, alternative)
            except Invalid as error:
                if any(problem.path for problem in error.problems):
                    inside = error
        raise inside or _unfit(value, wanted)

    return structure


def _tuple_hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    arguments = get_args(wanted)
    endless = len(arguments) == 2 and arguments[1] is ...
    kinds = arguments[:1] if endless else arguments
    hooks = [_hook(converter, each) for each in kinds]

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _unfit(value, wanted)
        if not endless and len(value) != len(hooks):
            message = f"must be {type_words(wanted)}, not a list of {len(value)}"
            raise Invalid([Problem((), message)])
        pairs = zip(hooks, kinds, strict=True)
        each = [next(pairs)] * len(value) if endless else list(pairs)
        done = _all_or_invalid((i, *each[i], item) for i, item in enumerate(value))
        return tuple(done.values())

    return structure


def _dict_hook(converter: cattrs.Converter, wanted: Any) -> Hook:
    _, of = get_args(wanted)
    hook = _hook(converter, of)

    def structure(value: Any, _: Any) -> dict[str, Any]:
        _require_table(value)
        return _all_or_invalid((key, hook, of, item) for key, item in value.items())

    return structure


def _field_hook(converter: cattrs.Converter, field: attrs.Attribute[Any]) -> Hook:
    try:
        return _hook(converter, field.type)
    except NeurokitError as error:
        raise NeurokitError(f"its parameter '{field.name}': {error}") from error


def _table_hook(converter: cattrs.Converter, cls: Any) -> Hook:
    attrs.resolve_types(cls)
    fields = {field.name: field for field in attrs.fields(cls) if field.init}
    hooks = {name: _field_hook(converter, field) for name, field in fields.items()}

    def structure(value: Any, _: Any) -> Any:
        _require_table(value)
        problems = [
            Problem((key,), unknown_parameter(key, list(fields)))
            for key in value
            if key not in fields
        ]
        problems += [
            Problem((), f"the parameter '{name}' is missing")
            for name, field in fields.items()
            if field.default is attrs.NOTHING and name not in value
        ]
        given = [(n, hooks[n], fields[n].type, value[n]) for n in fields if n in value]
        arguments, inside = _collect(given)
        problems += inside
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
            raise Invalid([Problem(path, f'needs use = "name", the name of {_a(kind.kind)}')])
        try:
            component = find_component(kind.kind, name)
        except NeurokitError as error:
            raise Invalid([Problem(("use",), str(error))]) from error
        rest = {key: item for key, item in value.items() if key != "use"}
        return converter.get_structure_hook(component)(rest, component)

    return structure


def _all_or_invalid(items: Iterable[Item]) -> dict[Any, Any]:
    """Structure each item, and raise all their problems together."""
    done, problems = _collect(items)
    if problems:
        raise Invalid(problems)
    return done


def _collect(items: Iterable[Item]) -> tuple[dict[Any, Any], list[Problem]]:
    """Structure each item; those that fit, by key, and the problems of the others."""
    done: dict[Any, Any] = {}
    problems: list[Problem] = []
    for key, hook, wanted, value in items:
        try:
            done[key] = hook(value, wanted)
        except Invalid as error:
            problems += [Problem((key, *each.path), each.message) for each in error.problems]
    return done, problems


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _require_table(value: Any) -> None:
    if not isinstance(value, dict):
        raise Invalid([Problem((), f"must be a table, not {shown(value)}")])


def unknown_parameter(name: str, known: list[str]) -> str:
    """What is wrong with a key that a table does not know."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"unknown parameter {name!r}; did you mean '{near[0]}'?"
    return f"unknown parameter {name!r}; there is " + (", ".join(known) or "none")


def shown(value: Any) -> str:
    """A value as the author of a recipe sees it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string {value!r}"  # so that line breaks and control codes are written out
    if isinstance(value, dict):
        return "a table"
    return str(value)


def type_words(wanted: Any) -> str:
    """A type in a recipe author's words: "an integer", "a list of 3 numbers"."""
    one = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    if wanted in one:
        return one[wanted]
    arguments = get_args(wanted)
    if _origin(wanted) is Literal:
        return " or ".join(
            f"'{each}'" if isinstance(each, str) else str(each) for each in arguments
        )
    if _is_union(wanted):
        return " or ".join(type_words(each) for each in arguments if each is not types.NoneType)
    if _origin(wanted) is tuple:
        return _list_words(arguments)
    return "a table"


def _list_words(arguments: tuple[Any, ...]) -> str:
    endless = len(arguments) == 2 and arguments[1] is ...
    count = "" if endless else f" of {len(arguments)}"
    if len({each for each in arguments if each is not ...}) > 1:
        return f"a list{count}: {', '.join(map(type_words, arguments))}"
    singular = type_words(arguments[0])
    if " or " in singular:
        return f"a list{count}, each {singular}"
    noun, of, rest = singular.split(" ", 1)[1].partition(" of ")
    return f"a list{count or ' of'} {noun}s{of}{rest}"

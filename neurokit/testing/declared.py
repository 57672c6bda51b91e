"""What every component must be, of whatever kind: declared, frozen, and expressible in a recipe."""

from __future__ import annotations

import copy
import math
import pickle
import tomllib
import types
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import tomli_w

from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Kind, group_of
from neurokit.params import Param, declared_param
from neurokit.recipe import to_table
from neurokit.registry import Registry
from neurokit.structuring import Invalid, Path, make_converter
from neurokit.testing.findings import Check, doing
from neurokit.testing.surroundings import Surroundings

_NO_SUCH = "no such choice"


def _frozen(component: Kind, _: Surroundings) -> Iterator[str]:
    fields = _fields(component)
    name = fields[0].name if fields else "anything"
    try:
        setattr(component, name, getattr(component, name, None))
    except attrs.exceptions.FrozenInstanceError:
        pass
    else:
        yield "its class is not frozen; decorate it with attrs.frozen(kw_only=True)"
    places = [field.name for field in fields if not field.kw_only]
    if places:
        yield (
            f"its parameters {', '.join(places)} can be given by place; "
            f"decorate its class with attrs.frozen(kw_only=True)"
        )


def _loadable(component: Kind, _: Surroundings) -> Iterator[str]:
    cls = type(component)
    if "<locals>" in cls.__qualname__:
        yield (
            f"its class is defined inside of a function, where no entry point finds it; define "
            f"{cls.__name__} at module level"
        )
        return
    registry = _registry(component)
    for offer in registry.offers:
        if _is_of(offer.entry_point, type(component)):
            try:
                loaded = registry.load(offer)
            except NeurokitError as error:
                yield f"it cannot be offered: {str(error).partition('cannot be loaded: ')[2]}"
                return
            if loaded is not type(component):
                yield f"{offer.entry_point.value} is another class of the same name"


def _helpful(component: Kind, _: Surroundings) -> Iterator[str]:
    for path, field in _declarations(component):
        if not declared_param(field).help.strip():
            yield (
                f"its parameter '{_dotted(path)}' has no help; "
                f'declare it by neurokit.param(..., help="...")'
            )


def _copied(component: Kind, _: Surroundings) -> Iterator[str]:
    with doing("pickling"):
        unpickled = pickle.loads(pickle.dumps(component))
    if unpickled != component:
        yield "it does not equal itself after pickling and unpickling"
    with doing("copying"):
        copies = [copy.copy(component), copy.deepcopy(component)]
    if any(each != component for each in copies):
        yield "it does not equal its copy"


def _in_a_recipe(component: Kind, _: Surroundings) -> Iterator[str]:
    registry = _registry(component)
    with doing("writing its parameters as TOML"):
        text = tomli_w.dumps(to_table(component, registry))
    try:
        returned = make_converter(registry.component).structure(
            tomllib.loads(text), KINDS[component.kind]
        )
    except Invalid as error:
        yield f"a recipe with its own parameters is refused: {error}"
        return
    changed = _difference(component, returned)
    if changed is not None:
        yield f"a recipe does not give the same component back: {changed}"


def _bounded(component: Kind, _: Surroundings) -> Iterator[str]:
    registry = _registry(component)
    converter = make_converter(registry.component)
    table = to_table(component, registry)
    for path, field in _declarations(component):
        declared = declared_param(field)
        for wrong, why in _beyond(field.type, declared):
            if wrong is None:
                yield f"its parameter '{_dotted(path)}' {why}, which means nothing for its type"
                continue
            problems = _problems(converter, component.kind, _with(table, path, wrong))
            if not any(each[: len(path)] == path for each in problems):
                yield f"its parameter '{_dotted(path)}' {why}, and {wrong!r} is not refused"
        for right in _allowed(field.type, declared):
            given = _with(table, path, right)
            with doing(f"a recipe with {_dotted(path)} = {right!r}"):
                problems = _problems(converter, component.kind, given)
            if any(each[: len(path)] == path for each in problems):
                yield f"its parameter '{_dotted(path)}' allows {right!r}, which its type refuses"


FIRST: tuple[Check, ...] = (_loadable,)
"""Where these find something, the others could not be understood."""
CHECKS: tuple[Check, ...] = (_frozen, _helpful, _copied, _in_a_recipe, _bounded)


def _registry(component: Kind) -> Registry:
    """What is installed, with the classes of the component and of those in it that are not."""
    found = list(_offered())
    for each in _components(component):
        cls = type(each)
        if not any(_is_of(offered, cls) for offered in found):
            value = f"{cls.__module__}:{cls.__qualname__}"
            found.append(EntryPoint(cls.__name__, value, group_of(each.kind)))
    return Registry(found)


@cache
def _offered() -> tuple[EntryPoint, ...]:
    """Of every kind; reading what is installed takes a while."""
    return tuple(each for kind in KINDS for each in entry_points(group=group_of(kind)))


def _is_of(offered: EntryPoint, cls: type) -> bool:
    return offered.value == f"{cls.__module__}:{cls.__qualname__}"


def _components(value: object) -> Iterator[Kind]:
    """A component and those nested in it."""
    if isinstance(value, Kind):
        yield value
    for inner in _inside(value).values():
        yield from _components(inner)


def _declarations(settings: object, at: Path = ()) -> Iterator[tuple[Path, attrs.Attribute[Any]]]:
    """Every parameter with its place, also of tables inside, but not of nested components."""
    for field in _fields(settings):
        yield (*at, field.name), field
    for key, value in _inside(settings).items():
        if not isinstance(value, Kind):
            yield from _declarations(value, (*at, key))


def _fields(settings: object) -> list[attrs.Attribute[Any]]:
    """The parameters of a component or table, with their types; none of anything else."""
    cls: Any = type(settings)
    if not attrs.has(cls):
        return []
    attrs.resolve_types(cls)
    return [field for field in attrs.fields(cls) if field.init]


def _inside(value: object) -> dict[str | int, Any]:
    """What a value holds, by key: of a table, a list or a dict."""
    if attrs.has(type(value)):
        return {field.name: getattr(value, field.name) for field in _fields(value)}
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    return dict(value) if isinstance(value, dict) else {}


def _problems(converter: Any, kind: str, table: Any) -> list[Path]:
    """The places of what is wrong with a recipe's table."""
    try:
        converter.structure(table, KINDS[kind])
    except Invalid as error:
        return [problem.path for problem in error.problems]
    return []


def _with(table: Any, path: Path, value: Any) -> Any:
    """A copy of a table with one value put into its place."""
    changed = copy.deepcopy(table)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def _beyond(wanted: Any, declared: Param) -> Iterator[tuple[Any, str]]:
    """Values just outside of what is declared, and in words what they break.

    None stands for a value that cannot be, as the type has no such elements.
    """
    steps = [
        (declared.low, -1, math.floor, "has the lower bound"),
        (declared.above, 0, math.floor, "must be above"),
        (declared.below, 0, math.ceil, "must be below"),
        (declared.high, 1, math.ceil, "has the upper bound"),
    ]
    for bound, step, whole, words in steps:
        if bound is not None:
            yield _value_of(wanted, whole(bound) + step), f"{words} {bound:g}"
    if declared.choices is not None:
        numbers = [each for each in declared.choices if type(each) in (int, float)]
        wrong = max(numbers) + 1 if numbers else _NO_SUCH
        yield _value_of(wanted, wrong), f"has the choices {', '.join(map(str, declared.choices))}"


def _allowed(wanted: Any, declared: Param) -> Iterator[Any]:
    """Values on the border of what is declared."""
    for bound in (declared.low, declared.high):
        value = None if bound is None else _value_of(wanted, bound)
        if value is not None:
            yield value
    for choice in declared.choices or ():
        value = _value_of(wanted, choice)
        yield choice if value is None else value


def _value_of(wanted: Any, scalar: Any) -> Any:
    """A value of the type that holds the scalar wherever it can; None where it never can."""
    arguments = get_args(wanted)
    if get_origin(wanted) in (Union, types.UnionType):
        possible = (_value_of(each, scalar) for each in arguments)
        return next((value for value in possible if value is not None), None)
    if get_origin(wanted) is tuple:
        elements = arguments[:1] if arguments[-1:] == (...,) else arguments
        values = [_value_of(each, scalar) for each in elements]
        return None if any(value is None for value in values) else list(values)
    if get_origin(wanted) is dict:
        value = _value_of(arguments[1], scalar)
        return None if value is None else {"key": value}
    if get_origin(wanted) is Literal:
        return scalar if isinstance(scalar, str) else None
    if wanted is int and type(scalar) is float and scalar.is_integer():
        return int(scalar)
    fits = wanted is type(scalar) or (wanted is float and type(scalar) is int)
    return scalar if fits else None


def _difference(component: Kind, returned: Any) -> str | None:
    """Which parameter differs."""
    if component == returned:
        return None
    for name, value in _inside(component).items():
        other = getattr(returned, str(name), None)
        if value != other:
            return f"'{name}' is {other!r} instead of {value!r}"
    return "the two are not equal"


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))

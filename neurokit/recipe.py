"""Recipes: TOML files that name components, merged, overridden, checked and resolved."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any, TypeVar

import attrs
import tomli_w

from neurokit.errors import RecipeError
from neurokit.kinds import Kind
from neurokit.registry import Registry, installed
from neurokit.schema import Recipe
from neurokit.structuring import Invalid, Problem, make_converter
from neurokit.toml_lines import key_lines
from neurokit.tuning.space import ranges_of

T = TypeVar("T")
Table = dict[str, Any]
KeyPath = tuple[str | int, ...]
Origin = tuple[str, int]
"""A file and a line of it; line 0 is the whole of it, or an override."""

_OVERRIDE = "override"
_SPACE = ("tune", "space")


@attrs.define
class _Source:
    """A table of values, and where each of its keys was given."""

    table: Table
    origins: dict[KeyPath, Origin]

    def forget(self, path: KeyPath) -> None:
        """Drop the origins of a key and of everything in it."""
        self.origins = {k: o for k, o in self.origins.items() if k[: len(path)] != path}


def load_recipe(
    file: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
) -> Recipe:
    """Read a recipe with everything it extends, apply overrides, and structure it.

    Args:
        file: a TOML file, or `package:recipe.toml` for one that an installed package ships.
        overrides: `key.path=value` each, applied last; the value is TOML, or a bare string. A
            table given so takes the place of the whole table.
        registry: where components are looked up; by default among the installed ones.

    Raises:
        RecipeError: with every problem of the recipe, each with its file and line.
    """
    source = _read(_located(str(file), Path()), ())
    problems = _override(source, overrides)
    registry = registry or installed()
    try:
        recipe: Recipe = make_converter(registry.component).structure(source.table, Recipe)
        ranges_of(recipe, registry.component)
    except Invalid as error:
        problems += _described(error.problems, source, Path(file))
    if problems:
        raise RecipeError(problems)
    return recipe


def structure_table(
    table: Table,
    wanted: type[T],
    name: str,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
) -> T:
    """Apply overrides to plain values that are part of a recipe, and structure them.

    No file is read: `extends` is an unknown key here.

    Args:
        table: plain values, changed by the overrides.
        wanted: an attrs class whose fields are the tables.
        name: what messages call the place of the values.
        overrides: `key.path=value` each, as for `load_recipe`.
        registry: where components are looked up; by default among the installed ones.

    Raises:
        RecipeError: with every problem.
    """
    source = _Source(table, {})
    problems = _override(source, overrides)
    find = (registry or installed()).component
    try:
        structured: T = make_converter(find).structure(source.table, wanted)
    except Invalid as error:
        problems += _described(error.problems, source, Path(name))
    if problems:
        raise RecipeError(problems)
    return structured


def to_table(component: Any, registry: Registry | None = None) -> Any:
    """A recipe, or a part of one, as plain values: every parameter, defaults included.

    Parameters that are None are left out; a component's table begins with its `use`.
    """
    registry = registry or installed()
    if attrs.has(type(component)):
        table = {"use": registry.name_of(type(component))} if isinstance(component, Kind) else {}
        for field in attrs.fields(type(component)):
            value = getattr(component, field.name)
            if field.init and value is not None:
                table[field.name] = to_table(value, registry)
        return table
    if isinstance(component, tuple | list):
        return [to_table(each, registry) for each in component]
    if isinstance(component, dict):
        return {key: to_table(each, registry) for key, each in component.items()}
    return component


def to_toml(recipe: Recipe, registry: Registry | None = None) -> str:
    """The resolved recipe as TOML that `load_recipe` reads back to the same recipe."""
    return tomli_w.dumps(to_table(recipe, registry))


def fingerprint(*parts: Any) -> str:
    """Sixteen hexadecimal digits of plain values; equal for equal values."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _located(name: str, folder: Path) -> Path:
    """The file that a name in `extends`, or on the command line, means."""
    package, colon, shipped = name.partition(":")
    if not colon or not re.fullmatch(r"\w+(\.\w+)*", package):
        return folder / name
    try:
        root = resources.files(import_module(package))
    except ImportError as error:
        raise RecipeError(
            [f"{name}: the package '{package}' cannot be imported: {error}"]
        ) from error
    places = [root / "recipes", root]
    if package == "neurokit":
        # In a source tree they lie beside the package, into which a wheel puts them.
        places.append(Path(str(root)).parent / "recipes")
    for place in places:
        if (candidate := place / shipped).is_file():
            return Path(str(candidate))
    raise RecipeError([f"{name}: the package '{package}' ships no recipe '{shipped}'"])


def _read(path: Path, extended_by: tuple[Path, ...]) -> _Source:
    """A file's own table, laid over what it extends."""
    if path.resolve() in [file.resolve() for file in extended_by]:
        raise RecipeError([f"{path}: extends itself, by way of {extended_by[-1]}"])
    text = _text(path, extended_by)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = where[1] if where else len(text.splitlines())
        reason = str(error).replace(where[0] if where else "", "")
        raise RecipeError([f"{path}:{line}: not valid TOML: {reason}"]) from error
    own = _Source(table, {key: (str(path), line) for key, line in key_lines(text).items()})
    extends = table.pop("extends", None)
    if extends is None:
        return own
    if not isinstance(extends, str):
        line = own.origins["extends",][1]
        raise RecipeError([f"{path}:{line}: [extends] must be the name of one recipe"])
    base = _read(_located(extends, path.parent), (*extended_by, path))
    _forget_space(base, table.get("decoder"))
    data = table.get("data")
    for part, given in data.items() if isinstance(data, dict) else ():
        _forget_hint(base, part, given)
    _lay_over(base, (), base.table, own, table)
    return base


def _text(path: Path, extended_by: tuple[Path, ...]) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows writes a mark in front
    except FileNotFoundError as error:
        by = f" (extended by {extended_by[-1]})" if extended_by else ""
        raise RecipeError([f"{path}: there is no such recipe{by}"]) from error
    except UnicodeDecodeError as error:
        raise RecipeError([f"{path}: cannot be read: it is not UTF-8 text"]) from error
    except OSError as error:
        raise RecipeError([f"{path}: cannot be read: {error.strerror}"]) from error


def _lay_over(base: _Source, path: KeyPath, under: Table, own: _Source, over: Table) -> None:
    """Merge `over` into `under`, key by key.

    A table whose `use` changes starts empty, and so does the space of a search: half of one range
    and half of another make none that anybody meant.
    """
    if "use" in over and over["use"] != under.get("use"):
        under.clear()
        base.forget(path)
    if path in own.origins:
        base.origins[path] = own.origins[path]
    for name, value in over.items():
        here = (*path, name)
        merges = isinstance(value, dict) and isinstance(under.get(name), dict)
        if merges and here != _SPACE:
            _lay_over(base, here, under[name], own, value)
            continue
        under[name] = value
        base.forget(here)
        base.origins |= {k: o for k, o in own.origins.items() if k[: len(here)] == here}


def _forget_space(source: _Source, decoder: Any) -> None:
    """Drop the ranges of a decoder's parameters where another decoder takes its place."""
    if not isinstance(decoder, dict) or "use" not in decoder:
        return
    before, tune = source.table.get("decoder"), source.table.get("tune")
    space = tune.get("space") if isinstance(tune, dict) else None
    same = isinstance(before, dict) and before.get("use") == decoder["use"]
    if isinstance(space, dict) and not same and space.pop("decoder", None) is not None:
        source.forget((*_SPACE, "decoder"))


def _forget_hint(source: _Source, part: str, given: Any) -> None:
    """Drop the hint where to get the files of a part of the data where others take their place."""
    data = source.table.get("data")
    before = data.get(part) if isinstance(data, dict) else None
    if not isinstance(before, dict) or not isinstance(given, dict) or "hint" in given:
        return
    # An empty name unsets a file, and names no other.
    words = {key: value for key, value in given.items() if isinstance(value, str) and value}
    if any(before.get(key) != word for key, word in words.items()) and "hint" in before:
        del before["hint"]
        source.forget(("data", part, "hint"))


def _override(source: _Source, overrides: Sequence[str]) -> list[str]:
    """Set the value of each `key.path=value`: tables before their keys, `use` before the rest.

    Returns:
        What is wrong with those that cannot be set.
    """
    problems: list[str] = []
    parsed: list[tuple[list[str], Any]] = []
    for text in [overrides] if isinstance(overrides, str) else overrides:
        try:
            if not isinstance(text, str):
                raise ValueError(f"{text!r} is not of the form 'key.path=value'")
            parsed.append(_parsed_override(text))
        except ValueError as error:
            problems.append(f"{_OVERRIDE}: {error}")
    for parts, value in parsed:
        if parts[0] == "decoder":
            inside = {".".join(parts[1:]): value} if len(parts) > 1 else value
            _forget_space(source, inside)
    for part in {parts[1] for parts, _ in parsed if parts[0] == "data" and len(parts) == 3}:
        given = {parts[2]: value for parts, value in parsed if parts[:-1] == ["data", part]}
        _forget_hint(source, part, given)
    for parts, value in sorted(parsed, key=lambda each: (len(each[0]), each[0][-1] != "use")):
        try:
            _set(source, parts, value)
        except ValueError as error:
            problems.append(f"{_OVERRIDE}: [{'.'.join(parts)}] {error}")
    return problems


def _set(source: _Source, parts: list[str], value: Any) -> None:
    """Set one value, making the tables around it; ValueError where there is no such place."""
    place: Any = source.table
    path: KeyPath = ()
    for part in parts[:-1]:
        key = _key(place, part)
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        path = (*path, key)
    last = _key(place, parts[-1])
    if last == "use" and place.get("use") != value:
        place.clear()
        source.forget(path)
    place[last] = value
    source.forget((*path, last))
    source.origins[*path, last] = (_OVERRIDE, 0)


def _key(place: Any, part: str) -> str | int:
    """A part of an override's path as the key of a table, or the index of a list."""
    if isinstance(place, dict):
        return part
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return int(part)
    if isinstance(place, list):
        raise ValueError(f"there is no entry '{part}' in a list of {len(place)}")
    raise ValueError(f"'{part}' is looked for in {place!r}, which is no table")


def _parsed_override(text: str) -> tuple[list[str], Any]:
    key, equals, right = text.partition("=")
    try:
        inner: Any = tomllib.loads(f"{key} = 0") if equals else None
    except tomllib.TOMLDecodeError:
        inner = None
    if inner is None:
        raise ValueError(f"'{text}' is not of the form key.path=value")
    parts: list[str] = []
    while isinstance(inner, dict):
        ((part, inner),) = inner.items()
        parts.append(part)
    try:
        value = tomllib.loads(f"value = {right}")["value"]
    except tomllib.TOMLDecodeError:
        value = right.strip()  # a bare word is a string
    return parts, value


def _described(problems: list[Problem], source: _Source, file: Path) -> list[str]:
    """Each problem with its place, in the order of the file."""
    placed = [(_origin(problem.path, source, file), problem) for problem in problems]
    placed.sort(key=lambda each: each[0])
    lines = []
    for (name, line), problem in placed:
        where = f"{name}:{line}" if line else name
        key = f"[{'.'.join(map(str, problem.path))}] " if problem.path else ""
        lines.append(f"{where}: {key}{problem.message}")
    return lines


def _origin(path: KeyPath, source: _Source, file: Path) -> Origin:
    """Where the key, or the nearest table around it, was given.

    A table that an override has a part in is the override's: it had the last word.
    """
    if any(
        origin[0] == _OVERRIDE and len(key) > len(path) and key[: len(path)] == path
        for key, origin in source.origins.items()
        if path
    ):
        return _OVERRIDE, 0
    for depth in range(len(path), 0, -1):
        if path[:depth] in source.origins:
            return source.origins[path[:depth]]
    return str(file), 0

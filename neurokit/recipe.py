"""Recipes: TOML files that name components, merged, overridden, checked and resolved."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import attrs
import tomli_w

from neurokit.errors import RecipeError
from neurokit.kinds import Kind
from neurokit.registry import Registry, installed
from neurokit.schema import Recipe
from neurokit.structuring import Invalid, Problem, make_converter
from neurokit.toml_lines import key_lines

Table = dict[str, Any]
KeyPath = tuple[str | int, ...]

_COMMAND_LINE = "command line"


@attrs.define
class _Source:
    """A table of values, and where each of its keys was given: "demo.toml:6"."""

    table: Table
    origins: dict[KeyPath, str]


def load_recipe(
    file: str | Path, overrides: Sequence[str] = (), registry: Registry | None = None
) -> Recipe:
    """Read a recipe with everything it extends, apply overrides, and structure it.

    Args:
        file: a TOML file, or `package:recipe.toml` for one that an installed package ships.
        overrides: `key.path=value` each, applied last; the value is TOML, or a bare string.
        registry: where components are looked up; by default among the installed ones.

    Raises:
        RecipeError: with every problem of the recipe, each with its file and line.
    """
    source = _read(_located(str(file), Path()), ())
    _override(source, overrides)
    registry = registry or installed()
    try:
        recipe = make_converter(registry.component).structure(source.table, Recipe)
    except Invalid as error:
        raise RecipeError(_described(error.problems, source, Path(file))) from None
    return recipe


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
        raise RecipeError([f"{name}: there is no package '{package}' installed"]) from error
    for candidate in (root / "recipes" / shipped, root / shipped):
        if candidate.is_file():
            return Path(str(candidate))
    raise RecipeError([f"{name}: the package '{package}' ships no recipe '{shipped}'"])


def _read(path: Path, extended_by: tuple[Path, ...]) -> _Source:
    """A file's own table, laid over what it extends."""
    if path.resolve() in extended_by:
        raise RecipeError([f"{path}: extends itself, by way of {extended_by[-1].name}"])
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError as error:
        by = f" (extended by {extended_by[-1]})" if extended_by else ""
        raise RecipeError([f"{path}: there is no such recipe{by}"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([f"{path}: cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = where[1] if where else len(text.splitlines())
        reason = str(error).replace(where[0] if where else "", "")
        raise RecipeError([f"{path}:{line}: not valid TOML: {reason}"]) from error
    lines = key_lines(text)
    own = _Source(table, {key: f"{path}:{line}" for key, line in lines.items()})
    extends = table.pop("extends", None)
    if extends is None:
        return own
    if not isinstance(extends, str):
        raise RecipeError([f"{own.origins['extends',]}: extends must be the name of one file"])
    base = _read(_located(extends, path.parent), (*extended_by, path.resolve()))
    _lay_over(base, (), base.table, own, table)
    return base


def _lay_over(base: _Source, path: KeyPath, under: Table, own: _Source, over: Table) -> None:
    """Merge `over` into `under`, key by key; a table whose `use` changes starts empty."""
    if "use" in over and over["use"] != under.get("use"):
        under.clear()
        base.origins = {
            key: origin for key, origin in base.origins.items() if key[: len(path)] != path
        }
    if path in own.origins:
        base.origins[path] = own.origins[path]
    for name, value in over.items():
        here = (*path, name)
        if isinstance(value, dict) and isinstance(under.get(name), dict):
            _lay_over(base, here, under[name], own, value)
            continue
        under[name] = value
        base.origins = {k: o for k, o in base.origins.items() if k[: len(here)] != here}
        base.origins |= {k: o for k, o in own.origins.items() if k[: len(here)] == here}


def _override(source: _Source, overrides: Sequence[str]) -> None:
    """Apply `key.path=value` texts; those that change a `use` first, as they empty a table."""
    parsed = [_parsed_override(text) for text in overrides]
    problems = []
    for path, value in sorted(parsed, key=lambda each: each[0][-1] != "use"):
        over: Any = value
        entries = [isinstance(part, int) for part in path]
        if True in entries:
            problems += _override_entry(source, path, value)
            continue
        for part in reversed(path):
            over = {part: over}
        origins: dict[KeyPath, str] = {path[: depth + 1]: _COMMAND_LINE for depth in range(len(path))}
        _lay_over(source, (), source.table, _Source(over, origins), over)
    if problems:
        raise RecipeError(problems)


def _override_entry(source: _Source, path: KeyPath, value: Any) -> list[str]:
    """Override something inside a list, as in `metrics.0.crop=none`."""
    place: Any = source.table
    for part in path[:-1]:
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return [f"{_COMMAND_LINE}: [{_dotted(path)}] there is no entry '{part}' to change"]
    try:
        place[path[-1]] = value
    except (IndexError, TypeError):
        return [f"{_COMMAND_LINE}: [{_dotted(path)}] there is no entry '{path[-1]}' to change"]
    source.origins[path] = _COMMAND_LINE
    return []


def _parsed_override(text: str) -> tuple[KeyPath, Any]:
    key, equals, right = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise RecipeError([f"{_COMMAND_LINE}: '{text}' is not of the form key.path=value"])
    try:
        value = tomllib.loads(f"value = {right}")["value"]
    except tomllib.TOMLDecodeError:
        value = right.strip()  # a bare word is a string
    return tuple(int(part) if part.isdecimal() else part for part in parts), value


def _described(problems: list[Problem], source: _Source, file: Path) -> list[str]:
    """Each problem with its place, in the order of the file."""
    lines = []
    for problem in problems:
        origin = _origin(problem.path, source, file)
        key = _dotted(problem.path)
        lines.append(f"{origin}: [{key}] {problem.message}" if key else f"{origin}: {problem.message}")
    return sorted(lines, key=_place)


def _origin(path: KeyPath, source: _Source, file: Path) -> str:
    """Where the key, or the nearest table around it, was given."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in source.origins:
            return source.origins[path[:depth]]
    return str(file)


def _place(line: str) -> tuple[str, int]:
    match = re.match(r"(.*?):(\d+): ", line)
    return (match[1], int(match[2])) if match else (line.split(":")[0], 0)


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))

